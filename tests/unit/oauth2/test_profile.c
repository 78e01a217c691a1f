/* test_profile.c - each provider's answer as a profile (api: auth §7.1). JSON is
 * written with ' for ". */
#include "testing.h"

#include "oauth2/oauth2_internal.h"

static Json *json(Arena *a, const char *text)
{
    char *copy = arena_cstr(a, str_from(text));
    for (char *p = copy; *p; p++) {
        if (*p == '\'') *p = '"';
    }
    Json *value = NULL;
    check_ok(text, json_parse(a, str_from(copy), NULL, &value));
    return value;
}

static const struct {
    const char *provider, *user, *token;
    const char *profile; /* id|name|username|e-mail|avatar; NULL: refused */
} CASES[] = {
    {"apple", "{'sub':'a1','email':'a@b.io','email_verified':'true','name':'x'}", "{}",
     "a1|||a@b.io|"},
    {"apple", "{'sub':'a1','email':'a@b.io','email_verified':false}", "{}", "a1||||"},
    {"google",
     "{'sub':'g1','name':'Ann','email':'a@b.io','email_verified':true,'picture':'http://p'}", "{}",
     "g1|Ann||a@b.io|http://p"},
    {"google", "{'sub':'g1','name':'Ann','email':'a@b.io'}", "{}", "g1|Ann|||"},
    {"microsoft", "{'id':'m1','displayName':'Ann','mail':'a@b.io'}", "{}", "m1|Ann||a@b.io|"},
    {"yandex",
     "{'id':'y1','real_name':'Ann','login':'ann','default_email':'a@b.io','default_avatar_id':'7','"
     "is_avatar_empty':false}",
     "{}", "y1|Ann|ann|a@b.io|https://avatars.yandex.net/get-yapic/7/islands-200"},
    {"yandex", "{'id':'y1','default_avatar_id':'7','is_avatar_empty':true}", "{}", "y1||||"},
    {"facebook", "{'id':'f1','name':'Ann','email':'a@b.io','picture':{'data':{'url':'http://p'}}}",
     "{}", "f1|Ann||a@b.io|http://p"},
    {"instagram2",
     "{'id':'x','user_id':'i1','name':'Ann','username':'ann','profile_picture_url':'http://p'}",
     "{'permissions':'all'}", "i1|Ann|ann||http://p"},
    {"github",
     "{'id':12345678,'name':'Ann','login':'ann','email':'unproven@b.io','avatar_url':'http://p'}",
     "{}", "12345678|Ann|ann||http://p"},
    {"gitlab",
     "{'id':7,'name':'Ann','username':'ann','email':'a@b.io','confirmed_at':'2012-05-23T09:05:22Z',"
     "'avatar_url':'http://p'}",
     "{}", "7|Ann|ann|a@b.io|http://p"},
    {"gitlab", "{'id':7,'email':'a@b.io','confirmed_at':null}", "{}", "7||||"},
    {"bitbucket",
     "{'uuid':'{u}','display_name':'Ann','username':'ann','links':{'avatar':{'href':'http://"
     "p'}},'account_status':'active'}",
     "{}", "{u}|Ann|ann||http://p"},
    {"bitbucket", "{'uuid':'{u}','account_status':'closed'}", "{}", NULL},
    {"gitee", "{'id':9,'name':'Ann','login':'ann','email':'a@b.io','avatar_url':'http://p'}", "{}",
     "9|Ann|ann|a@b.io|http://p"},
    {"gitea", "{'id':9,'full_name':'Ann','login':'ann','avatar_url':'http://p','active':true}",
     "{}", "9|Ann|ann||http://p"},
    {"gitea", "{'id':9,'active':false}", "{}", NULL},
    {"discord",
     "{'id':'d1','global_name':'Ann','username':'ann','discriminator':'0','email':'a@b.io','"
     "verified':true,'avatar':'h'}",
     "{}", "d1|Ann|ann|a@b.io|https://cdn.discordapp.com/avatars/d1/h.png"},
    {"discord",
     "{'id':'d1','global_name':null,'username':'ann','discriminator':'1337','email':'a@b.io','"
     "verified':false}",
     "{}", "d1|ann#1337|ann||"},
    {"discord", "{'id':'d1','username':'ann','discriminator':'0'}", "{}", "d1|ann|ann||"},
    {"twitter",
     "{'data':{'id':'t1','name':'Ann','username':'ann','confirmed_email':'a@b.io','profile_image_"
     "url':'http://p'}}",
     "{}", "t1|Ann|ann|a@b.io|http://p"},
    {"kakao",
     "{'id':5,'properties':{'nickname':'ann','profile_image':'http://"
     "p'},'kakao_account':{'email':'a@b.io','is_email_valid':true,'is_email_verified':true}}",
     "{}", "5||ann|a@b.io|http://p"},
    {"kakao",
     "{'id':5,'kakao_account':{'email':'a@b.io','is_email_valid':true,'is_email_verified':false}}",
     "{}", "5||||"},
    {"vk",
     "{'response':[{'id':3,'first_name':'Ann','last_name':'B','screen_name':'ann','photo_max':'"
     "http://p'}]}",
     "{'email':'a@b.io'}", "3|Ann B|ann|a@b.io|http://p"},
    {"vk", "{'response':[]}", "{}", "||||"},
    {"linear",
     "{'data':{'viewer':{'id':'l1','name':'Ann','displayName':'ann','email':'a@b.io','avatarUrl':'"
     "http://p','active':true}}}",
     "{}", "l1|Ann|ann|a@b.io|http://p"},
    {"linear", "{'data':{'viewer':{'id':'l1','active':false}}}", "{}", NULL},
    {"notion",
     "{'bot':{'owner':{'user':{'id':'n1','name':'Ann','avatar_url':'http://"
     "p','person':{'email':'a@b.io'}}}}}",
     "{}", "n1|Ann||a@b.io|http://p"},
    {"monday",
     "{'data':{'me':{'id':'1','enabled':true,'name':'Ann','email':'a@b.io','is_verified':true,'"
     "photo_small':'http://p'}}}",
     "{}", "1|Ann||a@b.io|http://p"},
    {"monday", "{'data':{'me':{'id':'1','enabled':false}}}", "{}", NULL},
    {"lark", "{'data':{'union_id':'u1','name':'Ann','avatar_url':'http://p'}}", "{}",
     "u1|Ann|||http://p"},
    {"box", "{'id':'b1','name':'Ann','login':'a@b.io','avatar_url':'http://p','status':'active'}",
     "{}", "b1|Ann||a@b.io|http://p"},
    {"box", "{'id':'b1','status':'inactive'}", "{}", NULL},
    {"spotify", "{'id':'s1','display_name':'Ann','images':[{'url':'http://p'}]}", "{}",
     "s1|Ann|||http://p"},
    {"spotify", "{'id':'s1','images':[]}", "{}", "s1||||"},
    {"trakt",
     "{'user':{'ids':{'uuid':'k1'},'name':'Ann','username':'ann','images':{'avatar':{'full':'http:/"
     "/p'}}}}",
     "{}", "k1|Ann|ann||http://p"},
    {"twitch",
     "{'data':[{'id':'w1','display_name':'Ann','login':'ann','email':'a@b.io','profile_image_url':'"
     "http://p'}]}",
     "{}", "w1|Ann|ann|a@b.io|http://p"},
    {"patreon",
     "{'data':{'id':'p1','attributes':{'full_name':'Ann','vanity':'ann','email':'a@b.io','is_email_"
     "verified':true,'image_url':'http://p'}}}",
     "{}", "p1|Ann|ann|a@b.io|http://p"},
    {"strava", "{'id':11,'firstname':'Ann','lastname':'','username':'ann','profile':'http://p'}",
     "{}", "11|Ann|ann||http://p"},
    {"strava", "{'id':0}", "{}", "||||"},
    {"wakatime",
     "{'data':{'id':'w','display_name':'Ann','username':'ann','email':'a@b.io','is_email_confirmed'"
     ":true,'photo':'http://p','photo_public':true}}",
     "{}", "w|Ann|ann|a@b.io|http://p"},
    {"wakatime", "{'data':{'id':'w','photo':'http://p','photo_public':false}}", "{}", "w||||"},
    {"livechat",
     "{'account_id':'c1','name':'Ann','email':'a@b.io','email_verified':true,'avatar_url':'http://"
     "p'}",
     "{}", "c1|Ann||a@b.io|http://p"},
    {"mailcow", "{'id':'m1','full_name':'Ann','username':'ann@b.io','email':'a@b.io','active':1}",
     "{}", "m1|Ann|ann|a@b.io|"},
    {"mailcow", "{'id':'m1','active':0}", "{}", NULL},
    {"planningcenter",
     "{'data':{'id':'1','attributes':{'name':'Ann','avatar':'http://p','status':'active'}}}", "{}",
     "1|Ann|||http://p"},
    {"oidc",
     "{'sub':'o1','name':'Ann','preferred_username':'ann','email':'a@b.io','email_verified':1,'"
     "picture':'http://p'}",
     "{}", "o1|Ann|ann|a@b.io|http://p"},
    {"oidc2", "{'sub':'o1','email':'a@b.io','email_verified':'yes'}", "{}", "o1||||"},
    {"oidc", "{'sub':9007199254740991}", "{}", "9007199254740991||||"},
    {"oidc", "{'sub':9007199254740993}", "{}", "||||"},
    {"oidc", "{'sub':1.5}", "{}", "||||"},
    {"oidc", "{'sub':true}", "{}", "||||"},
    {"oidc3", "[1]", "{}", NULL},
};

static void users_become_profiles(void **state)
{
    Arena *a = *state;
    for (size_t i = 0; i < COUNT(CASES); i++) {
        Exchange x = {.a = a, .config = {.def = provider_find(str_from(CASES[i].provider))}};
        assert_non_null(x.config.def);
        x.token.json = json(a, CASES[i].token);
        Profile p = {0};
        Error *err = profile_map(&x, json(a, CASES[i].user), &p);
        check_bool(CASES[i].user, err != NULL, CASES[i].profile == NULL);
        if (err) continue;
        Str got = str_printf(a, "%.*s|%.*s|%.*s|%.*s|%.*s", STR_ARG(p.id), STR_ARG(p.name),
                             STR_ARG(p.username), STR_ARG(p.email), STR_ARG(p.avatar_url));
        check_str(CASES[i].user, got, CASES[i].profile);
    }
}

static bool has_case(Str name)
{
    for (size_t i = 0; i < COUNT(CASES); i++) {
        if (str_eq(name, str_from(CASES[i].provider))) return true;
    }
    return false;
}

/* The list of names and the table of what is known are the same. */
static void every_provider_is_known_and_tested(void **state)
{
    (void)state;
    check_int("as many", (int64_t)provider_count, (int64_t)oauth2_provider_count);
    for (size_t i = 0; i < oauth2_provider_count; i++) {
        Str name = str_from(oauth2_providers[i].name);
        check_str("in the same order", str_from(providers[i].name), oauth2_providers[i].name);
        check_bool(oauth2_providers[i].name, has_case(name), true);
    }
}

static const struct {
    const char *name, *item;
    const char *expected; /* display name|auth|token|user|scopes|pkce; NULL: of no use */
} CONFIGS[] = {
    {"defaults", "{'name':'gitlab','clientId':'c'}",
     "GitLab|https://gitlab.com/oauth/authorize|https://gitlab.com/oauth/token|"
     "https://gitlab.com/api/v4/user|read_user|1"},
    {"overrides",
     "{'name':'gitlab','displayName':'Ours','authURL':'http://a','tokenURL':'http://t',"
     "'userInfoURL':'http://u','pkce':false}",
     "Ours|http://a|http://t|http://u|read_user|0"},
    {"pkce null is the default", "{'name':'vk','pkce':null}",
     "ВКонтакте|https://oauth.vk.com/authorize|https://oauth.vk.com/access_token|"
     "https://api.vk.com/method/users.get?fields=photo_max,screen_name&v=5.131|email|0"},
    {"an unknown one", "{'name':'nobody'}", NULL},
    {"no addresses", "{'name':'oidc','clientId':'c'}", NULL},
    {"oidc", "{'name':'oidc2','authURL':'http://a','tokenURL':'http://t'}",
     "OIDC|http://a|http://t||openid email profile|1"},
};

static void configurations(void **state)
{
    Arena *a = *state;
    for (size_t i = 0; i < COUNT(CONFIGS); i++) {
        ProviderConfig c;
        bool good = provider_config_read(a, json(a, CONFIGS[i].item), &c);
        check_bool(CONFIGS[i].name, good, CONFIGS[i].expected != NULL);
        if (!good) continue;
        Str got = str_printf(a, "%.*s|%.*s|%.*s|%.*s|%.*s|%d", STR_ARG(c.display_name),
                             STR_ARG(c.auth_url), STR_ARG(c.token_url), STR_ARG(c.user_url),
                             STR_ARG(c.scopes), c.pkce);
        check_str(CONFIGS[i].name, got, CONFIGS[i].expected);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        test_with_arena(users_become_profiles),
        cmocka_unit_test(every_provider_is_known_and_tested),
        test_with_arena(configurations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
