/* The endpoints of records over HTTP: lists, views, bodies, batches (api:
 * records §3, §4, §10, §13; conventions §6).
 *
 * The caller is named by a header of the test's own: "X-As: users/ID". */
#include "records/fixture.h"

#include "base/clock.h"
#include "http/harness.h"

typedef struct {
    Fixture *f;
    World world;
    Answer *answer;
    const char *as; /* "users/ID" or NULL */
} Site;

static Error *find_caller(Tx *tx, void *arg)
{
    FixtureFind *find = arg;
    return record_find(tx, find->c, find->id, &find->record);
}

static Error *before(Req *req, Res *res)
{
    (void)res;
    Arena *a = req->arena;
    App *app = req->app;
    Context *cx = arena_new(a, Context, 1);
    *cx = (Context){.app = app,
                    .schema = schema_hold(app->schema, a),
                    .settings = settings_hold(app->settings, a)};
    cx->info = (RequestInfo){
        .context = S("default"), .method = req->method_text, .now_ms = clock_wall_ms()};
    req->context = cx;
    Str id = req_header(req, S("X-As"));
    if (id.len == 0) return NULL;

    FixtureFind find = {.c = schema_find(cx->schema, str_split(&id, '/'))};
    find.id = id;
    Error *err = db_read(app->db, a, find_caller, &find);
    if (err) return err;
    AuthInfo *auth = arena_new(a, AuthInfo, 1);
    *auth = (AuthInfo){.collection = find.c,
                       .id = id,
                       .collection_id = find.c->id,
                       .collection_name = find.c->name,
                       .is_superuser = collection_is_superusers(find.c)};
    cx->auth = auth;
    cx->info.auth = auth;
    return NULL;
}

static const RouteTable TABLES[1] = {{record_routes, 8}};

static int site_setup(void **state)
{
    void *f;
    fixture_setup(&f);
    Site *site = arena_new(((Fixture *)f)->a, Site, 1);
    site->f = f;
    site->f->app.listener_count = 0;
    site->answer = arena_new(site->f->a, Answer, 1);
    assert_int_equal(record_route_count, 8);
    world_start(&site->world, (HttpConfig){.tables = (RouteTable *)TABLES,
                                           .table_count = 1,
                                           .app = &site->f->app,
                                           .before = before});
    *state = site;
    return 0;
}

static int site_teardown(void **state)
{
    Site *site = *state;
    void *f = site->f;
    world_stop(&site->world);
    return fixture_teardown(&f);
}

#define test_with_site(fn) cmocka_unit_test_setup_teardown(fn, site_setup, site_teardown)

/* Sends one request; the body's " are turned to '. */
static int ask_raw(Site *site, const char *method, const char *target, const char *type, Str body)
{
    Buf out = buf_new(site->f->a, 512 + body.len);
    buf_printf(&out, "%s %s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n", method, target);
    if (site->as) buf_printf(&out, "X-As: %s\r\n", site->as);
    if (body.len) buf_printf(&out, "Content-Type: %s\r\nContent-Length: %zu\r\n", type, body.len);
    buf_add(&out, S("\r\n"));
    buf_add(&out, body);
    int fd = dial(&site->world);
    assert_true(send_bytes(fd, out.ptr, out.len));
    assert_true(read_answer(fd, false, site->answer));
    close(fd);
    for (size_t i = 0; i < site->answer->body.len; i++) {
        char *p = (char *)site->answer->body.ptr + i;
        if (*p == '"') *p = '\'';
    }
    return site->answer->status;
}

static int ask(Site *site, const char *method, const char *target, const char *json)
{
    Str body = json ? fixture_text(site->f->a, json) : S("");
    return ask_raw(site, method, target, "application/json", body);
}

static void check_body(Site *site, const char *name, const char *part)
{
    if (str_find(site->answer->body, str_from(part)) >= 0) return;
    fail_msg("%s: no %s in %.*s", name, part, STR_ARG(site->answer->body));
}

#define R "/api/collections/posts/records"

static void make_posts(Site *site)
{
    Fixture *f = site->f;
    fixture_collection(f, "{'name':'posts','listRule':'','viewRule':'','createRule':'',"
                          "'updateRule':'','deleteRule':'','fields':["
                          "{'name':'title','type':'text','required':true},"
                          "{'name':'n','type':'number'},{'name':'ok','type':'bool'},"
                          "{'name':'tags','type':'select','values':['a','b'],'maxSelect':2},"
                          "{'name':'data','type':'json'},"
                          "{'name':'secret','type':'text','hidden':true},"
                          "{'name':'docs','type':'file','maxSelect':2}]}");
    fixture_create(f, "posts",
                   "{'id':'p00000000000001','title':'one','n':1,'ok':true,'tags':['b'],"
                   "'data':{'x':[1]},'secret':'s'}");
    fixture_create(f, "posts", "{'id':'p00000000000002','title':'two','n':2}");
    fixture_create(f, "posts", "{'id':'p00000000000003','title':'three','n':3}");
}

static const struct {
    const char *target;
    int status;
    const char *part;
} READS[] = {
    {R, 200, "'page':1,'perPage':30,'totalItems':3,'totalPages':1}\n"},
    {R "?perPage=2", 200, "'page':1,'perPage':2,'totalItems':3,'totalPages':2}"},
    {R "?perPage=2&page=2", 200,
     "{'items':[{'collectionId':'pbc_1125843985','collectionName':'posts','id':'p00000000000003'"},
    {R "?perPage=2&page=2", 200, "'page':2,'perPage':2,'totalItems':3,'totalPages':2}"},
    {R "?perPage=3", 200, "'totalItems':3,'totalPages':1}"},
    {R "?page=9", 200, "{'items':[],'page':9,'perPage':30,'totalItems':3,'totalPages':1}"},
    {R "?page=9223372036854775807&perPage=1000", 200, "{'items':[]"},
    {R "?page=0&perPage=-1", 200, "'page':1,'perPage':30"},
    {R "?page=", 200, "'page':1"},
    {R "?perPage=5000", 200, "'perPage':1000"},
    {R "?page=x", 400, "'data':{}"},
    {R "?perPage=1.5", 400, "'data':{}"},
    {R "?skipTotal=1", 200, "'totalItems':-1,'totalPages':-1}"},
    {R "?skipTotal=T", 200, "'totalItems':-1"},
    {R "?skipTotal=no", 400, "'data':{}"},
    {R "?filter=n%3E1", 200, "'totalItems':2"},
    {R "?filter=n%3E9", 200, "{'items':[],'page':1,'perPage':30,'totalItems':0,'totalPages':0}"},
    {R "?filter=(((", 400,
     "{'data':{},'message':'Something went wrong while processing your request.','status':400}"},
    {R "?filter=missing%3D1", 400, "'data':{}"},
    {R "?filter=secret%3D's'", 400, "'data':{}"},
    {R "?filter=@request.auth.id%3D''", 403, "'data':{}"},
    {R "?sort=-n", 200,
     "{'items':[{'collectionId':'pbc_1125843985','collectionName':'posts','id':'p00000000000003'"},
    {R "?sort=missing", 400, "'data':{}"},
    {"/api/collections/POSTS/records", 200, "'totalItems':3"},
    {"/api/collections/none/records", 404, "'message':'Missing collection context.'"},
    {R "/p00000000000001", 200,
     "{'collectionId':'pbc_1125843985','collectionName':'posts','id':'p00000000000001','title':'"
     "one','n':1,"
     "'ok':true,'tags':['b'],'data':{'x':[1]},'docs':[]}\n"},
    {R "/p00000000000002", 200, "'title':'two','n':2,'ok':false,'tags':[],'data':null,'docs':[]}"},
    {R "/p00000000000001?expand=missing", 200, "'docs':[]}\n"},
    {R "/missing", 404, "{'data':{},'message':'The requested resource wasn\\u0027t found.'"},
};

static void reads(void **state)
{
    Site *site = *state;
    make_posts(site);
    for (size_t i = 0; i < COUNT(READS); i++) {
        check_int(READS[i].target, ask(site, "GET", READS[i].target, NULL), READS[i].status);
        if (READS[i].status == 404 && strstr(READS[i].part, "u0027")) continue;
        check_body(site, READS[i].target, READS[i].part);
    }
    fixture_superuser(site->f);
    check_int("garbage", ask(site, "GET", R, "{"), 400);
}

static void rules_of_reading(void **state)
{
    Site *site = *state;
    make_posts(site);
    fixture_collection(site->f, "{'name':'posts','listRule':null,'viewRule':null}");
    check_int("locked list", ask(site, "GET", R, NULL), 403);
    check_body(site, "locked list",
               "{'data':{},'message':'Only superusers can perform this action.','status':403}");
    check_int("locked view", ask(site, "GET", R "/missing", NULL), 403);
    Str root = record_id(fixture_superuser(site->f));
    Str as = str_printf(site->f->a, "_superusers/%.*s", STR_ARG(root));
    site->as = arena_cstr(site->f->a, as);
    check_int("superuser", ask(site, "GET", R "/p00000000000001", NULL), 200);
    check_body(site, "hidden", "'secret':'s'");
    check_int("superuser filters", ask(site, "GET", R "?filter=secret%3D's'", NULL), 200);
    check_body(site, "superuser filters", "'totalItems':1");
    site->as = NULL;
    fixture_collection(site->f, "{'name':'posts','listRule':'n = 2','viewRule':'n = 2'}");
    check_int("filtered", ask(site, "GET", R, NULL), 200);
    check_body(site, "filtered", "'totalItems':1");
    check_int("unmet", ask(site, "GET", R "/p00000000000001", NULL), 404);
    check_int("met", ask(site, "GET", R "/p00000000000002", NULL), 200);
}

static const struct {
    const char *name, *method, *target, *body;
    int status;
    const char *part;
} WRITES[] = {
    {"no body", "POST", R, NULL, 400,
     "{'data':{'title':{'code':'validation_required','message':'Cannot be "
     "blank.'}},'message':'Failed to create record.','status':400}"},
    {"create", "POST", R, "{'title':'x','total':1}", 200, "'title':'x','n':0,'ok':false"},
    {"hidden", "POST", R, "{'title':'x','secret':'y','expand':{'a':1},'collectionId':'z'}", 200,
     "'data':null,'docs':[]}\n"},
    {"malformed", "POST", R, "{", 400, "'data':{}"},
    {"trailing", "POST", R, "{'title':'t'},junk", 200, "'title':'t'"},
    {"json text", "POST", R, "{'title':'x','data':'[1,2]'}", 200, "'data':[1,2]"},
    {"update", "PATCH", R "/p00000000000001", "{'n+':4}", 200, "'n':5"},
    {"no change", "PATCH", R "/p00000000000001", NULL, 200, "'n':5"},
    {"update gone", "PATCH", R "/missing", "{}", 404, "'data':{}"},
    {"delete", "DELETE", R "/p00000000000001", NULL, 204, ""},
    {"delete again", "DELETE", R "/p00000000000001", NULL, 404, "'data':{}"},
    {"unknown", "POST", "/api/collections/x/records", "{}", 404,
     "Missing or invalid collection context."},
    {"file by name", "POST", R, "{'title':'x','docs':['a.txt']}", 400, "'invalidFiles':['a.txt']"},
};

static void writes(void **state)
{
    Site *site = *state;
    make_posts(site);
    for (size_t i = 0; i < COUNT(WRITES); i++) {
        check_int(WRITES[i].name, ask(site, WRITES[i].method, WRITES[i].target, WRITES[i].body),
                  WRITES[i].status);
        check_body(site, WRITES[i].name, WRITES[i].part);
    }
    check_int("type", ask_raw(site, "POST", R, "text/plain", S("x")), 400);
    check_body(site, "type", "Unsupported Content-Type.");
    check_int("form",
              ask_raw(site, "POST", R, "application/x-www-form-urlencoded",
                      S("title=1.0&n=3&ok=true&tags=a&tags=b")),
              200);
    check_body(site, "form", "'title':'1.0','n':3,'ok':true,'tags':['a','b']");
}

static void emails(void **state)
{
    Site *site = *state;
    Fixture *f = site->f;
    fixture_collection(f, "{'name':'users','listRule':'','viewRule':'',"
                          "'manageRule':'@request.auth.name = \\u0027boss\\u0027'}");
    fixture_create(f, "users", "{'id':'u00000000000001','email':'a@b.io','password':'12345678'}");
    fixture_create(f, "users",
                   "{'id':'u00000000000002','email':'c@d.io','password':'12345678',"
                   "'emailVisibility':true}");
    fixture_create(f, "users",
                   "{'id':'u00000000000003','email':'e@f.io','password':'12345678',"
                   "'name':'boss'}");
    static const struct {
        const char *as;
        bool a, c, e;
    } SEES[] = {
        {NULL, false, true, false},
        {"users/u00000000000001", true, true, false},
        {"users/u00000000000003", true, true, true},
    };
    for (size_t i = 0; i < COUNT(SEES); i++) {
        site->as = SEES[i].as;
        const char *name = SEES[i].as ? SEES[i].as : "guest";
        check_int(name, ask(site, "GET", "/api/collections/users/records", NULL), 200);
        check_bool(name, str_find(site->answer->body, S("a@b.io")) >= 0, SEES[i].a);
        check_bool(name, str_find(site->answer->body, S("c@d.io")) >= 0, SEES[i].c);
        check_bool(name, str_find(site->answer->body, S("e@f.io")) >= 0, SEES[i].e);
        check_bool(name, str_find(site->answer->body, S("argon2")) < 0, true);
        check_bool(name, str_find(site->answer->body, S("tokenKey")) < 0, true);
    }
}

/* ---- batches ---- */

static void batch_on(Site *site)
{
    Json *patch = fixture_json(site->f, "{'batch':{'enabled':true,'maxRequests':5}}");
    check_ok("settings", settings_update(site->f->app.settings, site->f->a, patch));
}

static const struct {
    const char *name, *body;
    int status;
    const char *part;
} BATCHES[] = {
    {"no requests", "{}", 400, "{'data':{'requests':{'code':'validation_required'"},
    {"empty", "{'requests':[]}", 400, "'message':'Invalid batch request data.'"},
    {"unreadable", "{'requests':[", 400, "Failed to read the submitted batch data."},
    {"no list", "{'requests':'x'}", 400, "Failed to read the submitted batch data."},
    {"too many", "{'requests':[{},{},{},{},{},{}]}", 400, "'code':'validation_length_too_long'"},
    {"shape", "{'requests':[{'method':'POST','url':'" R "'},{'method':'get'}]}", 400,
     "{'data':{'requests':{'1':{'method':{'code':'validation_in_invalid'"},
    {"one failing",
     "{'requests':[{'method':'POST','url':'" R "','body':{'id':'b00000000000001','title':'x'}},"
     "{'method':'POST','url':'" R "','body':{}},{'method':'GET','url':'x'}]}",
     400,
     "{'data':{'requests':{'1':{'code':'batch_request_failed','message':'Batch request failed.',"
     "'response':{'data':{'title':{'code':'validation_required','message':'Cannot be blank.'}},"
     "'message':'Failed to create record.','status':400}}}},"
     "'message':'Batch transaction failed.','status':400}"},
    {"other URL", "{'requests':[{'method':'GET','url':'" R "'}]}", 400, "'requests':{'0':{"},
    {"absolute URL", "{'requests':[{'method':'POST','url':'http://x" R "'}]}", 400, "'0':{"},
    {"unknown collection", "{'requests':[{'method':'POST','url':'/api/collections/x/records'}]}",
     400, "'response':{'data':{},'message':'Missing or invalid collection context.','status':404}"},
    {"missing record", "{'requests':[{'method':'PATCH','url':'" R "/x','body':{}}]}", 400,
     "'status':404}"},
    {"all kinds",
     "{'requests':[{'method':'POST','url':'" R "','body':{'id':'b00000000000001','title':'x'}},"
     "{'method':'PATCH','url':'" R "/b00000000000001','body':{'n+':5}},"
     "{'method':'PUT','url':'" R "','body':{'id':'b00000000000001','n+':2}},"
     "{'method':'PUT','url':'" R "?fields=id','body':{'id':'b00000000000002','title':'y'}},"
     "{'method':'DELETE','url':'" R "/p00000000000001'}]}",
     200,
     ",'status':200},{'body':{'id':'b00000000000002'},'status':200},{'body':null,'status':204}]\n"},
};

static void batches(void **state)
{
    Site *site = *state;
    make_posts(site);
    check_int("off", ask(site, "POST", "/api/batch", "{'requests':[]}"), 403);
    check_body(site, "off", "Batch requests are not allowed.");
    batch_on(site);
    for (size_t i = 0; i < COUNT(BATCHES); i++) {
        check_int(BATCHES[i].name, ask(site, "POST", "/api/batch", BATCHES[i].body),
                  BATCHES[i].status);
        check_body(site, BATCHES[i].name, BATCHES[i].part);
        bool made = fixture_row(site->f, "posts", S("b00000000000001")) != NULL;
        check_bool(BATCHES[i].name, made, BATCHES[i].status == 200);
    }
    const Record *r = fixture_row(site->f, "posts", S("b00000000000001"));
    check_int("each saw the one before", record_value(r, S("n"))->integer, 7);
    check_bool("deleted", fixture_row(site->f, "posts", S("p00000000000001")) == NULL, true);
}

static void batch_rules(void **state)
{
    Site *site = *state;
    make_posts(site);
    batch_on(site);
    fixture_collection(site->f,
                       "{'name':'posts','createRule':'@request.context = \\u0027batch\\u0027"
                       " && @request.method = \\u0027POST\\u0027"
                       " && @request.query.q = \\u00271\\u0027"
                       " && @request.headers.x_a = \\u0027b\\u0027','deleteRule':null}");
    check_int("seen",
              ask(site, "POST", "/api/batch",
                  "{'requests':[{'method':'POST','url':'" R "?q=1','headers':{'X-A':'b'},"
                  "'body':{'title':'x'}}]}"),
              200);
    check_int("as put",
              ask(site, "POST", "/api/batch",
                  "{'requests':[{'method':'PUT','url':'" R "?q=1','headers':{'X-A':'b'},"
                  "'body':{'title':'x'}}]}"),
              200);
    check_int("not met",
              ask(site, "POST", "/api/batch",
                  "{'requests':[{'method':'POST','url':'" R "','body':{'title':'x'}}]}"),
              400);
    check_int("locked",
              ask(site, "POST", "/api/batch",
                  "{'requests':[{'method':'DELETE','url':'" R "/p00000000000001'}]}"),
              400);
    check_body(site, "locked", "'status':403}");
}

static void batch_files(void **state)
{
    Site *site = *state;
    make_posts(site);
    batch_on(site);
    Str body = fixture_text(
        site->f->a,
        "--B\r\nContent-Disposition: form-data; name='@jsonPayload'\r\n\r\n"
        "{'requests':[{'method':'POST','url':'" R "','body':{'title':'x'}},"
        "{'method':'PATCH','url':'" R "/p00000000000002','body':{}}]}\r\n"
        "--B\r\nContent-Disposition: form-data; name='requests.0.docs'; filename='a.txt'\r\n"
        "\r\nhello\r\n"
        "--B\r\nContent-Disposition: form-data; name='requests[1].docs+'; filename='b.txt'\r\n"
        "\r\nworld\r\n--B--\r\n");
    check_int("files", ask_raw(site, "POST", "/api/batch", "multipart/form-data; boundary=B", body),
              200);
    check_body(site, "first", "'docs':['a");
    check_body(site, "second", "'docs':['b");
    const Record *r = fixture_row(site->f, "posts", S("p00000000000002"));
    check_bool("stored", record_str(r, S("docs")).len > 10, true);
}

static void batch_passwords(void **state)
{
    Site *site = *state;
    Fixture *f = site->f;
    batch_on(site);
    fixture_create(f, "users", "{'id':'u00000000000001','email':'a@b.io','password':'12345678'}");
    site->as = "users/u00000000000001";
    const char *body =
        "{'requests':[{'method':'POST','url':'/api/collections/users/records','body':"
        "{'email':'c@d.io','password':'12345678','passwordConfirm':'12345678'}},"
        "{'method':'PATCH','url':'/api/collections/users/records/u00000000000001','body':"
        "{'password':'87654321','passwordConfirm':'87654321','oldPassword':'%s'}}]}";
    Str wrong = str_printf(f->a, "%.*s'87654321','oldPassword':'wrong'}}]}",
                           (int)(strstr(body, "'87654321','oldPassword'") - body), body);
    check_int("wrong", ask(site, "POST", "/api/batch", arena_cstr(f->a, wrong)), 400);
    check_body(site, "wrong", "'1':{'code':'batch_request_failed'");
    check_body(site, "wrong", "validation_invalid_old_password");
    Str right = str_printf(f->a, "%.*s'87654321','oldPassword':'12345678'}}]}",
                           (int)(strstr(body, "'87654321','oldPassword'") - body), body);
    check_int("right", ask(site, "POST", "/api/batch", arena_cstr(f->a, right)), 200);
}

/* A hash takes 14 ms, so nobody is to have fifty of them made by updates that he
 * may not do. Without a pool any hash would crash. */
static void batch_hashes_nothing_for_who_is_refused(void **state)
{
    Site *site = *state;
    Fixture *f = site->f;
    batch_on(site);
    fixture_create(f, "users", "{'id':'u00000000000001','email':'a@b.io','password':'12345678'}");
    fixture_create(f, "users", "{'id':'u00000000000002','email':'c@d.io','password':'12345678'}");
    site->as = "users/u00000000000002";
    Passwords *pool = f->app.passwords;
    f->app.passwords = NULL;
    int status = ask(site, "POST", "/api/batch",
                     "{'requests':[{'method':'PATCH','url':'/api/collections/users/records/"
                     "u00000000000002','body':{'name':'me'}},"
                     "{'method':'PATCH','url':'/api/collections/users/records/u00000000000001',"
                     "'body':{'password':'87654321','passwordConfirm':'87654321'}}]}");
    f->app.passwords = pool;
    check_int("refused", status, 400);
    check_body(site, "refused", "'1':{'code':'batch_request_failed'");
    check_body(site, "refused", "'status':404");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_site(reads),
        test_with_site(rules_of_reading),
        test_with_site(writes),
        test_with_site(emails),
        test_with_site(batches),
        test_with_site(batch_rules),
        test_with_site(batch_files),
        test_with_site(batch_passwords),
        test_with_site(batch_hashes_nothing_for_who_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
