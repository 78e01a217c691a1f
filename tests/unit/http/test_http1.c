/* What a server must make of raw requests: RFC 9112 and 9110 as a table.
 *
 * Each row goes to a real server three times: in one piece, cut in two, and
 * byte by byte. `outcome` lists the statuses that come back, in order; a final
 * C means the server then closes, otherwise the connection must still serve
 * a request. */
#include "harness.h"

static Error *handle_ignore(Req *req, Res *res)
{
    return res_json_text(res, 200, S("{}"));
}

static Error *handle_host(Req *req, Res *res)
{
    return res_text(res, 200, req->path);
}

static const Route ROUTES[] = {
    {"GET", "/api/hello", handle_hello, 0, NULL},
    {"POST", "/api/echo", handle_echo_bytes, 0, NULL},
    {"GET", "/api/echo", handle_echo_bytes, 0, NULL},
    {"POST", "/api/ignore", handle_ignore, 0, NULL},
    {"GET", "/api/path/{rest...}", handle_host, 0, NULL},
};

#define R(text)    text, sizeof(text) - 1
#define H          "Host: a\r\n"
#define GET        "GET /api/hello HTTP/1.1\r\n"
#define POST       "POST /api/echo HTTP/1.1\r\n" H
#define CHUNKED    POST "Transfer-Encoding: chunked\r\n\r\n"
#define TEN(x)     x x x x x x x x x x
#define HUNDRED(x) TEN(TEN(x))
#define KILO(x)    TEN(HUNDRED(x))

/* A row a request; aligned, the table would be twice as wide as a screen. */
/* clang-format off */
static const struct {
    const char *name;
    const char *raw;
    size_t len;
    const char *outcome;
    const char *body; /* of the first answer, or NULL */
} ROWS[] = {
    /* request line [9112 3] */
    {"plain", R(GET H "\r\n"), "200", "hello"},
    {"HEAD", R("HEAD /api/hello HTTP/1.1\r\n" H "\r\n"), "200", ""},
    {"one empty line before", R("\r\n" GET H "\r\n"), "200", "hello"},
    {"two empty lines before", R("\r\n\r\n" GET H "\r\n"), "400 C", NULL},
    {"bare LF before", R("\n" GET H "\r\n"), "400 C", NULL},
    {"bare LF ends the request line", R("GET /api/hello HTTP/1.1\n" H "\r\n"), "400 C", NULL},
    {"bare LF ends a field", R(GET "Host: a\n\r\n"), "400 C", NULL},
    {"bare LF ends the head", R(GET H "\n"), "400 C", NULL},
    {"bare CR in the request line", R("GET /api/hello\r HTTP/1.1\r\n" H "\r\n"), "400 C", NULL},
    {"bare CR in a field", R(GET H "X: a\rb\r\n\r\n"), "400 C", NULL},
    {"two blanks before the target", R("GET  /api/hello HTTP/1.1\r\n" H "\r\n"), "400 C", NULL},
    {"two blanks before the version", R("GET /api/hello  HTTP/1.1\r\n" H "\r\n"), "400 C", NULL},
    {"TAB between", R("GET\t/api/hello HTTP/1.1\r\n" H "\r\n"), "400 C", NULL},
    {"blank at the end", R("GET /api/hello HTTP/1.1 \r\n" H "\r\n"), "400 C", NULL},
    {"blank at the start", R(" GET /api/hello HTTP/1.1\r\n" H "\r\n"), "400 C", NULL},
    {"no version (HTTP/0.9)", R("GET /api/hello\r\n\r\n"), "400 C", NULL},
    {"no target", R("GET HTTP/1.1\r\n" H "\r\n"), "400 C", NULL},
    {"empty target", R("GET  HTTP/1.1\r\n" H "\r\n"), "400 C", NULL},
    {"method alone", R("GET\r\n" H "\r\n"), "400 C", NULL},
    {"blank in the target", R("GET /api/he llo HTTP/1.1\r\n" H "\r\n"), "400 C", NULL},
    {"control character in the target", R("GET /api/\x01 HTTP/1.1\r\n" H "\r\n"), "400 C", NULL},
    {"NUL in the target", R("GET /api/\0 HTTP/1.1\r\n" H "\r\n"), "400 C", NULL},
    {"NUL in the method", R("G\0T /api/hello HTTP/1.1\r\n" H "\r\n"), "400 C", NULL},
    {"DEL in the target", R("GET /api/\x7f HTTP/1.1\r\n" H "\r\n"), "400 C", NULL},
    {"raw UTF-8 in the target", R("GET /api/\xc3\xa9 HTTP/1.1\r\n" H "\r\n"), "400 C", NULL},
    {"fragment in the target", R("GET /api/hello#x HTTP/1.1\r\n" H "\r\n"), "400 C", NULL},
    {"what browsers leave bare", R("GET /api/hello?a={|}^`\"<>\\ HTTP/1.1\r\n" H "\r\n"), "200",
     "hello"},
    {"parentheses in the method", R("G(T /api/hello HTTP/1.1\r\n" H "\r\n"), "400 C", NULL},
    {"TLS hello", R("\x16\x03\x01\x02\x00\x01\r\n\r\n"), "400 C", NULL},

    /* versions [9112 2.3, 9110 2.5, 6.2] */
    {"1.0 closes", R("GET /api/hello HTTP/1.0\r\n\r\n"), "200 C", "hello"},
    {"1.0 keep-alive", R("GET /api/hello HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"), "200",
     "hello"},
    {"1.0 Keep-Alive and close",
     R("GET /api/hello HTTP/1.0\r\nConnection: Keep-Alive, close\r\n\r\n"), "200 C", NULL},
    {"1.0 two hosts", R("GET /api/hello HTTP/1.0\r\n" H H "\r\n"), "400 C", NULL},
    {"1.2 is read as 1.1", R("GET /api/hello HTTP/1.2\r\n" H "\r\n"), "200", "hello"},
    {"1.9 needs Host too", R("GET /api/hello HTTP/1.9\r\n\r\n"), "400 C", NULL},
    {"2.0", R("GET /api/hello HTTP/2.0\r\n" H "\r\n"), "505 C", NULL},
    {"HTTP/2 preface", R("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), "505 C", NULL},
    {"0.9 spelled out", R("GET /api/hello HTTP/0.9\r\n" H "\r\n"), "505 C", NULL},
    {"3.0", R("GET /api/hello HTTP/3.0\r\n" H "\r\n"), "505 C", NULL},
    {"lower case name", R("GET /api/hello http/1.1\r\n" H "\r\n"), "400 C", NULL},
    {"other name", R("GET /api/hello HTTPS/1.1\r\n" H "\r\n"), "400 C", NULL},
    {"short version", R("GET /api/hello HTTP/1\r\n" H "\r\n"), "400 C", NULL},
    {"long version", R("GET /api/hello HTTP/1.10\r\n" H "\r\n"), "400 C", NULL},
    {"letters in the version", R("GET /api/hello HTTP/1.x\r\n" H "\r\n"), "400 C", NULL},
    {"comma in the version", R("GET /api/hello HTTP/1,1\r\n" H "\r\n"), "400 C", NULL},

    /* methods [9110 9] */
    {"unknown method", R("BREW /api/hello HTTP/1.1\r\n" H "\r\n"), "404", NULL},
    {"lower case method", R("get /api/hello HTTP/1.1\r\n" H "\r\n"), "404", NULL},
    {"wrong method", R("DELETE /api/hello HTTP/1.1\r\n" H "\r\n"), "404", NULL},
    {"TRACE", R("TRACE /api/hello HTTP/1.1\r\n" H "\r\n"), "501 C", NULL},
    {"CONNECT", R("CONNECT a:80 HTTP/1.1\r\n" H "\r\n"), "501 C", NULL},
    {"very long method", R(TEN("LONG") " /api/hello HTTP/1.1\r\n" H "\r\n"), "501 C", NULL},
    {"OPTIONS", R("OPTIONS /api/hello HTTP/1.1\r\n" H "\r\n"), "204", ""},
    {"OPTIONS of nothing", R("OPTIONS /api/nothing HTTP/1.1\r\n" H "\r\n"), "204", ""},
    {"OPTIONS *", R("OPTIONS * HTTP/1.1\r\n" H "\r\n"), "204", ""},
    {"OPTIONS with a body", R("OPTIONS * HTTP/1.1\r\n" H "Content-Length: 2\r\n\r\nab"), "204", ""},
    {"GET *", R("GET * HTTP/1.1\r\n" H "\r\n"), "400 C", NULL},

    /* targets [9112 3.2] */
    {"absolute form", R("GET http://b/api/hello HTTP/1.1\r\n" H "\r\n"), "200", "hello"},
    {"absolute form, https", R("GET HTTPS://b:1/api/hello?x HTTP/1.1\r\n" H "\r\n"), "200",
     "hello"},
    {"absolute form without Host", R("GET http://b/api/hello HTTP/1.1\r\n\r\n"), "400 C", NULL},
    {"absolute form without path", R("GET http://b HTTP/1.1\r\n" H "\r\n"), "404", NULL},
    {"absolute form, query only", R("GET http://b?x HTTP/1.1\r\n" H "\r\n"), "404", NULL},
    {"absolute form for OPTIONS", R("OPTIONS http://b HTTP/1.1\r\n" H "\r\n"), "204", NULL},
    {"absolute form, no host", R("GET http:///api/hello HTTP/1.1\r\n" H "\r\n"), "400 C", NULL},
    {"absolute form, user", R("GET http://u@b/api/hello HTTP/1.1\r\n" H "\r\n"), "400 C", NULL},
    {"absolute form, other scheme", R("GET ftp://b/api/hello HTTP/1.1\r\n" H "\r\n"), "400 C",
     NULL},
    {"authority form", R("GET b:80 HTTP/1.1\r\n" H "\r\n"), "400 C", NULL},
    {"relative path", R("GET api/hello HTTP/1.1\r\n" H "\r\n"), "400 C", NULL},
    {"two slashes", R("GET //api/hello HTTP/1.1\r\n" H "\r\n"), "404", NULL},
    {"trailing slash", R("GET /api/hello/ HTTP/1.1\r\n" H "\r\n"), "404", NULL},
    {"dot segments are names", R("GET /api/x/../hello HTTP/1.1\r\n" H "\r\n"), "404", NULL},
    {"encoded letters", R("GET /api/h%65llo HTTP/1.1\r\n" H "\r\n"), "200", "hello"},
    {"encoded slash is no separator", R("GET /api%2Fhello HTTP/1.1\r\n" H "\r\n"), "404", NULL},
    {"bad percent", R("GET /api/h%6 HTTP/1.1\r\n" H "\r\n"), "400", NULL},
    {"bad percent digits", R("GET /api/h%zz HTTP/1.1\r\n" H "\r\n"), "400", NULL},
    {"encoded NUL", R("GET /api/h%00 HTTP/1.1\r\n" H "\r\n"), "400", NULL},
    {"encoded invalid UTF-8", R("GET /api/h%ff HTTP/1.1\r\n" H "\r\n"), "400", NULL},
    {"encoded overlong UTF-8", R("GET /api/h%c0%af HTTP/1.1\r\n" H "\r\n"), "400", NULL},
    {"bad percent in the query", R("GET /api/hello?a=%q HTTP/1.1\r\n" H "\r\n"), "400", NULL},
    {"rest of a path", R("GET /api/path/a/b%20c/d HTTP/1.1\r\n" H "\r\n"), "200",
     "/api/path/a/b%20c/d"},
    {"target of 8000", R("GET /" KILO("aaaaaaaa") " HTTP/1.1\r\n" H "\r\n"), "404", NULL},
    {"target of 9000", R("GET /" KILO("aaaaaaaaa") " HTTP/1.1\r\n" H "\r\n"), "414 C", NULL},
    {"target without end", R("GET /" TEN(KILO("a"))), "414 C", NULL},

    /* Host [9112 3.2] */
    {"no Host", R(GET "\r\n"), "400 C", NULL},
    {"two Hosts", R(GET H H "\r\n"), "400 C", NULL},
    {"two different Hosts", R(GET H "host: b\r\n\r\n"), "400 C", NULL},
    {"empty Host", R(GET "Host:\r\n\r\n"), "200", NULL},
    {"Host with port", R(GET "Host: a.example:8090\r\n\r\n"), "200", NULL},
    {"Host with empty port", R(GET "Host: a:\r\n\r\n"), "200", NULL},
    {"Host with bad port", R(GET "Host: a:8x\r\n\r\n"), "400 C", NULL},
    {"Host IPv6", R(GET "Host: [::1]:80\r\n\r\n"), "200", NULL},
    {"Host broken IPv6", R(GET "Host: [::1\r\n\r\n"), "400 C", NULL},
    {"Host empty brackets", R(GET "Host: []\r\n\r\n"), "400 C", NULL},
    {"Host with path", R(GET "Host: a/b\r\n\r\n"), "400 C", NULL},
    {"Host with user", R(GET "Host: u@a\r\n\r\n"), "400 C", NULL},
    {"Host with blank", R(GET "Host: a b\r\n\r\n"), "400 C", NULL},
    {"Host list", R(GET "Host: a, b\r\n\r\n"), "400 C", NULL},
    {"Host port only", R(GET "Host: :80\r\n\r\n"), "400 C", NULL},

    /* fields [9112 5] */
    {"no blank after the colon", R(GET "Host:a\r\n\r\n"), "200", NULL},
    {"blanks around the value", R(GET "Host: \t a \t \r\n\r\n"), "200", NULL},
    {"names without case", R(GET "hOsT: a\r\n\r\n"), "200", NULL},
    {"empty value", R(GET H "X-Empty:\r\n\r\n"), "200", NULL},
    {"blank before the colon", R(GET "Host : a\r\n\r\n"), "400 C", NULL},
    {"TAB before the colon", R(GET "Host\t: a\r\n\r\n"), "400 C", NULL},
    {"no colon", R(GET H "Nonsense\r\n\r\n"), "400 C", NULL},
    {"no name", R(GET H ": x\r\n\r\n"), "400 C", NULL},
    {"folded value", R(GET H "X: a\r\n b\r\n\r\n"), "400 C", NULL},
    {"folded by TAB", R(GET H "X: a\r\n\tb\r\n\r\n"), "400 C", NULL},
    {"blank line folded", R(GET H "X: a\r\n \r\n\r\n"), "400 C", NULL},
    {"blank before the first field", R(GET " X: a\r\n" H "\r\n"), "400 C", NULL},
    {"quote in a name", R(GET H "X\"Y: a\r\n\r\n"), "400 C", NULL},
    {"slash in a name", R(GET H "X/Y: a\r\n\r\n"), "400 C", NULL},
    {"UTF-8 in a name", R(GET H "X\xc3\xa9: a\r\n\r\n"), "400 C", NULL},
    {"NUL in a name", R(GET H "X\0: a\r\n\r\n"), "400 C", NULL},
    {"NUL in a value", R(GET H "X: a\0b\r\n\r\n"), "400 C", NULL},
    {"NUL deep in a long value", R(GET H "X: aaaaaaaaaaaaaaaaaaaaaaa\0bbbbbbbbbbb\r\n\r\n"),
     "400 C", NULL},
    {"control character in a value", R(GET H "X: a\x0b\r\n\r\n"), "400 C", NULL},
    {"DEL in a value", R(GET H "X: aaaaaaaa\x7f\r\n\r\n"), "400 C", NULL},
    {"TAB in a value", R(GET H "X: aaa\tbbbbbbbbbbbb\tc\r\n\r\n"), "200", NULL},
    {"bytes above 127 in a value", R(GET H "X: \xc3\xa9\xff aaaaaaaaaaaaaaa\r\n\r\n"), "200",
     NULL},
    {"100 fields", R(GET H TEN(TEN("A: b\r\n")) "\r\n"), "431 C", NULL},
    {"99 fields and Host",
     R(GET H TEN("A: b\r\nA: b\r\nA: b\r\nA: b\r\nA: b\r\nA: b\r\nA: b\r\nA: b\r\nA: b\r\n")
           "A: b\r\nA: b\r\nA: b\r\nA: b\r\nA: b\r\nA: b\r\nA: b\r\nA: b\r\nA: b\r\n\r\n"),
     "200", NULL},
    {"a field of 30000", R(GET H "X: " TEN(KILO("aaa")) "\r\n\r\n"), "200", NULL},
    {"a field of 40000", R(GET H "X: " TEN(KILO("aaaa")) "\r\n\r\n"), "431 C", NULL},
    {"a field without end", R(GET H "X: " TEN(KILO("aaaa"))), "431 C", NULL},

    /* Content-Length [9112 6.3, 9110 8.6] */
    {"body", R(POST "Content-Length: 5\r\n\r\nhello"), "200", "hello"},
    {"empty body", R(POST "Content-Length: 0\r\n\r\n"), "200", ""},
    {"POST without length has no body", R(POST "\r\n"), "200", ""},
    {"leading zeros", R(POST "Content-Length: 0005\r\n\r\nhello"), "200", "hello"},
    {"GET with a body", R("GET /api/echo HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nabc"), "200",
     "abc"},
    {"body to nobody is skipped",
     R("POST /api/nothing HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nabc"), "404", NULL},
    {"unread body is skipped",
     R("POST /api/ignore HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nabc" GET H "\r\n"), "200 200",
     NULL},
    {"unread body too large to skip",
     R("POST /api/ignore HTTP/1.1\r\n" H "Content-Length: 1000000\r\n\r\nabc"), "200 C", NULL},
    {"the same length twice", R(POST "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello"),
     "400 C", NULL},
    {"two lengths", R(POST "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello!"), "400 C", NULL},
    {"list of lengths", R(POST "Content-Length: 5, 5\r\n\r\nhello"), "400 C", NULL},
    {"no length", R(POST "Content-Length:\r\n\r\n"), "400 C", NULL},
    {"plus sign", R(POST "Content-Length: +5\r\n\r\nhello"), "400 C", NULL},
    {"minus sign", R(POST "Content-Length: -5\r\n\r\nhello"), "400 C", NULL},
    {"minus zero", R(POST "Content-Length: -0\r\n\r\n"), "400 C", NULL},
    {"hexadecimal", R(POST "Content-Length: 0x5\r\n\r\nhello"), "400 C", NULL},
    {"fraction", R(POST "Content-Length: 5.0\r\n\r\nhello"), "400 C", NULL},
    {"blank inside", R(POST "Content-Length: 1 0\r\n\r\nhello"), "400 C", NULL},
    {"letters behind", R(POST "Content-Length: 5a\r\n\r\nhello"), "400 C", NULL},
    {"quoted", R(POST "Content-Length: \"5\"\r\n\r\nhello"), "400 C", NULL},
    {"over the limit", R(POST "Content-Length: 100001\r\n\r\n"), "413 C", NULL},
    {"2^31", R(POST "Content-Length: 2147483648\r\n\r\n"), "413 C", NULL},
    {"2^32+5", R(POST "Content-Length: 4294967301\r\n\r\nhello"), "413 C", NULL},
    {"2^63-1", R(POST "Content-Length: 9223372036854775807\r\n\r\n"), "413 C", NULL},
    {"2^63", R(POST "Content-Length: 9223372036854775808\r\n\r\n"), "413 C", NULL},
    {"2^64", R(POST "Content-Length: 18446744073709551616\r\n\r\n"), "413 C", NULL},
    {"2^64+5", R(POST "Content-Length: 18446744073709551621\r\n\r\nhello"), "413 C", NULL},
    {"50 digits", R(POST "Content-Length: " TEN("99999") "\r\n\r\n"), "413 C", NULL},

    /* Transfer-Encoding [9112 6.1, 6.3] */
    {"chunked", R(CHUNKED "5\r\nhello\r\n0\r\n\r\n"), "200", "hello"},
    {"chunked, any case", R(POST "Transfer-Encoding: ChUnKeD\r\n\r\n2\r\nhi\r\n0\r\n\r\n"), "200",
     "hi"},
    {"chunked and length",
     R(POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"), "400 C", NULL},
    {"length and chunked",
     R(POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), "400 C", NULL},
    {"chunked twice in a list", R(POST "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"),
     "400 C", NULL},
    {"chunked in two fields",
     R(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), "400 C",
     NULL},
    {"gzip, chunked", R(POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"), "501 C", NULL},
    {"gzip and chunked in two fields",
     R(POST "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), "501 C",
     NULL},
    {"chunked not last", R(POST "Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n"), "400 C",
     NULL},
    {"gzip alone", R(POST "Transfer-Encoding: gzip\r\n\r\n"), "400 C", NULL},
    {"identity", R(POST "Transfer-Encoding: identity\r\n\r\n"), "400 C", NULL},
    {"empty coding", R(POST "Transfer-Encoding:\r\n\r\n"), "400 C", NULL},
    {"chunked and a comma", R(POST "Transfer-Encoding: chunked,\r\n\r\n0\r\n\r\n"), "400 C", NULL},
    {"chunked with parameter", R(POST "Transfer-Encoding: chunked;a=b\r\n\r\n0\r\n\r\n"), "400 C",
     NULL},
    {"chunked in quotes", R(POST "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n"), "400 C", NULL},
    {"xchunked", R(POST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"), "400 C", NULL},
    {"vertical tab chunked", R(POST "Transfer-Encoding: \x0b" "chunked\r\n\r\n0\r\n\r\n"), "400 C",
     NULL},
    {"blank before the colon of TE", R(POST "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n"),
     "400 C", NULL},
    {"chunked in 1.0",
     R("POST /api/echo HTTP/1.0\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), "400 C",
     NULL},

    /* chunks [9112 7.1] */
    {"several chunks", R(CHUNKED "1\r\na\r\n2\r\nbc\r\n0\r\n\r\n"), "200", "abc"},
    {"upper case size", R(CHUNKED "A\r\n0123456789\r\n0\r\n\r\n"), "200", "0123456789"},
    {"leading zeros of a size", R(CHUNKED "0003\r\nabc\r\n000\r\n\r\n"), "200", "abc"},
    {"17 digits", R(CHUNKED "00000000000000003\r\nabc\r\n0\r\n\r\n"), "400 C", NULL},
    {"size beyond 2^63", R(CHUNKED "ffffffffffffffff\r\nabc\r\n0\r\n\r\n"), "400 C", NULL},
    {"no size", R(CHUNKED "\r\nabc\r\n0\r\n\r\n"), "400 C", NULL},
    {"size with 0x", R(CHUNKED "0x3\r\nabc\r\n0\r\n\r\n"), "400 C", NULL},
    {"size with plus", R(CHUNKED "+3\r\nabc\r\n0\r\n\r\n"), "400 C", NULL},
    {"size with minus", R(CHUNKED "-3\r\nabc\r\n0\r\n\r\n"), "400 C", NULL},
    {"size with a letter too many", R(CHUNKED "3g\r\nabc\r\n0\r\n\r\n"), "400 C", NULL},
    {"blank before the size", R(CHUNKED " 3\r\nabc\r\n0\r\n\r\n"), "400 C", NULL},
    {"blank behind the size", R(CHUNKED "3 \r\nabc\r\n0\r\n\r\n"), "400 C", NULL},
    {"bare LF behind the size", R(CHUNKED "3\nabc\r\n0\r\n\r\n"), "400 C", NULL},
    {"bare CR behind the size", R(CHUNKED "3\rabc\r\n0\r\n\r\n"), "400 C", NULL},
    {"data too long", R(CHUNKED "3\r\nabcd\r\n0\r\n\r\n"), "400 C", NULL},
    {"data too short", R(CHUNKED "3\r\nab\r\n0\r\n\r\n"), "400 C", NULL},
    {"bare LF behind the data", R(CHUNKED "3\r\nabc\n0\r\n\r\n"), "400 C", NULL},
    {"extension", R(CHUNKED "3;name=value\r\nabc\r\n0\r\n\r\n"), "200", "abc"},
    {"extension without value", R(CHUNKED "3;name\r\nabc\r\n0;last\r\n\r\n"), "200", "abc"},
    {"extension with blanks", R(CHUNKED "3 ; a = b ;c\r\nabc\r\n0\r\n\r\n"), "200", "abc"},
    {"quoted extension", R(CHUNKED "3;a=\"b;\\\"c\"\r\nabc\r\n0\r\n\r\n"), "200", "abc"},
    {"extension without name", R(CHUNKED "3;\r\nabc\r\n0\r\n\r\n"), "400 C", NULL},
    {"extension with LF", R(CHUNKED "3;a\nabc\r\n0\r\n\r\n"), "400 C", NULL},
    {"quoted extension with CR LF", R(CHUNKED "3;a=\"\r\n\"\r\nabc\r\n0\r\n\r\n"), "400 C", NULL},
    {"extension too long", R(CHUNKED "3;" HUNDRED("aaa") "\r\nabc\r\n0\r\n\r\n"), "400 C", NULL},
    {"trailer", R(CHUNKED "3\r\nabc\r\n0\r\nX: y\r\nZ:\r\n\r\n"), "200", "abc"},
    {"trailer is no field", R(CHUNKED "0\r\nContent-Length: 5\r\n\r\n"), "200", ""},
    {"trailer without colon", R(CHUNKED "0\r\nnonsense\r\n\r\n"), "400 C", NULL},
    {"trailer folded", R(CHUNKED "0\r\nX: y\r\n z\r\n\r\n"), "400 C", NULL},
    {"trailer with LF", R(CHUNKED "0\r\nX: y\n\r\n"), "400 C", NULL},
    {"trailer too long", R(CHUNKED "0\r\nX: " KILO("aaaaaaaaa") "\r\n\r\n"), "400 C", NULL},
    {"end with LF", R(CHUNKED "0\r\n\n"), "400 C", NULL},
    {"chunked to nobody is skipped",
     R("POST /api/nothing HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"),
     "404", NULL},

    /* Connection, Expect, codings [9112 9, 9110 7.6, 10.1.1] */
    {"close", R(GET H "Connection: close\r\n\r\n"), "200 C", "hello"},
    {"Close in a list", R(GET H "Connection: foo, Close\r\n\r\n"), "200 C", NULL},
    {"close in a second field", R(GET H "Connection: foo\r\nConnection: close\r\n\r\n"), "200 C",
     NULL},
    {"other options", R(GET H "Connection: keep-alive, Upgrade\r\nUpgrade: h2c\r\n\r\n"), "200",
     NULL},
    {"100-continue", R(POST "Expect: 100-continue\r\nContent-Length: 3\r\n\r\nabc"), "200", "abc"},
    {"100-Continue", R(POST "Expect: 100-Continue\r\nContent-Length: 3\r\n\r\nabc"), "200", "abc"},
    {"100-continue without body", R(GET H "Expect: 100-continue\r\n\r\n"), "200", NULL},
    {"other expectation", R(GET H "Expect: more\r\n\r\n"), "417 C", NULL},
    {"expectation in 1.0", R("GET /api/hello HTTP/1.0\r\nExpect: more\r\n\r\n"), "200 C", NULL},
    {"compressed body", R(POST "Content-Encoding: gzip\r\nContent-Length: 3\r\n\r\nabc"), "415 C",
     NULL},
    {"identity body", R(POST "Content-Encoding: identity\r\nContent-Length: 3\r\n\r\nabc"), "200",
     "abc"},

    /* pipelining [9112 9.3.2] */
    {"two requests", R(GET H "\r\n" GET H "\r\n"), "200 200", "hello"},
    {"three of different kinds",
     R("HEAD /api/hello HTTP/1.1\r\n" H "\r\n" POST "Content-Length: 2\r\n\r\nab"
       "GET /api/none HTTP/1.1\r\n" H "\r\n"),
     "200H 200 404", ""},
    {"body, then request", R(POST "Content-Length: 3\r\n\r\nabc" GET H "\r\n"), "200 200", "abc"},
    {"chunks, then request", R(CHUNKED "3\r\nabc\r\n0\r\n\r\n" GET H "\r\n"), "200 200", "abc"},
    {"nothing behind close", R(GET H "Connection: close\r\n\r\n" GET H "\r\n"), "200 C", NULL},
    {"good, then bad", R(GET H "\r\nnonsense\r\n\r\n"), "200 400 C", NULL},
    {"nothing behind bad", R("GET /\r\n\r\n" GET H "\r\n"), "400 C", NULL},
    {"empty line between", R(POST "Content-Length: 1\r\n\r\na\r\n" GET H "\r\n"), "200 200", "a"},
};
/* clang-format on */

static void send_cut(int fd, size_t row, size_t step)
{
    for (size_t at = 0; at < ROWS[row].len; at += step)
        if (!send_bytes(fd, ROWS[row].raw + at, MIN(step, ROWS[row].len - at))) return;
}

static Answer answer;
static Rest rest;

static void check_row(const World *w, size_t row, size_t step)
{
    const char *name = ROWS[row].name;
    int fd = dial(w);
    rest.len = 0;
    send_cut(fd, row, step);

    bool is_head = str_starts(str_make(ROWS[row].raw, ROWS[row].len), S("HEAD"));
    bool close_said = false, first = true;
    const char *at = ROWS[row].outcome;
    for (; *at >= '1' && *at <= '5'; at += 3 + (at[3] == 'H'), at += *at == ' ') {
        bool head = (first && is_head) || at[3] == 'H';
        if (!read_answer_rest(fd, head, &answer, &rest)) fail_msg("%s: no answer", name);
        check_int(name, answer.status, (at[0] - '0') * 100 + (at[1] - '0') * 10 + (at[2] - '0'));
        if (first && ROWS[row].body) check_str(name, answer.body, ROWS[row].body);
        check_bool(name, answer_header(&answer, "date").len == 29, true);
        check_bool(name, answer_header(&answer, "server").ptr != NULL, false);
        check_str(name, answer_header(&answer, "x-content-type-options"), "nosniff");
        close_said = answer.close;
        first = false;
    }
    check_int(name, rest.len, 0);
    if (*at == 'C') {
        check_bool(name, close_said, true);
        check_bool(name, closes_within(fd, 1500), true);
    } else {
        check_bool(name, close_said, false);
        send_text(fd, "GET /api/hello HTTP/1.1\r\nHost: probe\r\n\r\n");
        if (!read_answer(fd, false, &answer)) fail_msg("%s: does not go on", name);
        check_str(name, answer.body, "hello");
    }
    close(fd);
}

static World world;

static int start(void **state)
{
    static RouteTable table = {ROUTES, COUNT(ROUTES)};
    world_start(&world, (HttpConfig){.tables = &table, .table_count = 1, .origins = S("*")});
    return 0;
}

static int stop(void **state)
{
    world_stop(&world);
    return 0;
}

static void in_one_piece(void **state)
{
    assert_true(COUNT(ROWS) >= 120);
    for (size_t i = 0; i < COUNT(ROWS); i++)
        check_row(&world, i, SIZE_MAX / 2);
}

static void cut_in_two(void **state)
{
    for (size_t i = 0; i < COUNT(ROWS); i++)
        check_row(&world, i, ROWS[i].len / 2 + 1);
}

static void byte_by_byte(void **state)
{
    for (size_t i = 0; i < COUNT(ROWS); i++)
        if (ROWS[i].len < 2000) check_row(&world, i, 1);
}

/* A client that stops sending still gets its answer. */
static void half_closed_clients_are_answered(void **state)
{
    int fd = dial(&world);
    send_text(fd, GET H "\r\n");
    shutdown(fd, SHUT_WR);
    assert_true(read_answer(fd, false, &answer));
    check_int("status", answer.status, 200);
    check_bool("closed", closes_within(fd, 1000), true);
    close(fd);
}

/* A body that ends too early is no body. */
static void cut_bodies_are_refused(void **state)
{
    static const char *const CUT[] = {
        POST "Content-Length: 10\r\n\r\nhello",
        CHUNKED "5\r\nhello\r\n",
        CHUNKED "5\r\nhel",
        CHUNKED "5\r\nhello\r\n0\r\n",
    };
    for (size_t i = 0; i < COUNT(CUT); i++) {
        int fd = dial(&world);
        send_text(fd, CUT[i]);
        shutdown(fd, SHUT_WR);
        assert_true(read_answer(fd, false, &answer));
        check_int(CUT[i], answer.status, 400);
        check_bool(CUT[i], closes_within(fd, 1000), true);
        close(fd);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_one_piece),
        cmocka_unit_test(cut_in_two),
        cmocka_unit_test(byte_by_byte),
        cmocka_unit_test(half_closed_clients_are_answered),
        cmocka_unit_test(cut_bodies_are_refused),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
