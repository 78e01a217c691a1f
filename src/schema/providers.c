/* providers.c - the names of the sign-in providers (api: auth §7). */
#include "schema/schema.h"

#include "base/encoding.h"
#include "base/utf8.h"

const OAuth2Provider oauth2_providers[] = {
    {"apple", "Apple"},
    {"google", "Google"},
    {"microsoft", "Microsoft"},
    {"yandex", "Yandex"},
    {"facebook", "Facebook"},
    {"instagram2", "Instagram"},
    {"github", "GitHub"},
    {"gitlab", "GitLab"},
    {"bitbucket", "Bitbucket"},
    {"gitee", "Gitee"},
    {"gitea", "Gitea/Forgejo"},
    {"discord", "Discord"},
    {"twitter", "X/Twitter"},
    {"kakao", "Kakao"},
    {"vk", "ВКонтакте"},
    {"linear", "Linear"},
    {"notion", "Notion"},
    {"monday", "monday.com"},
    {"lark", "Lark"},
    {"box", "Box"},
    {"spotify", "Spotify"},
    {"trakt", "Trakt"},
    {"twitch", "Twitch"},
    {"patreon", "Patreon"},
    {"strava", "Strava"},
    {"wakatime", "WakaTime"},
    {"livechat", "LiveChat"},
    {"mailcow", "mailcow"},
    {"planningcenter", "Planning Center"},
    {"oidc", "OIDC"},
    {"oidc2", "OIDC"},
    {"oidc3", "OIDC"},
};
const size_t oauth2_provider_count = COUNT(oauth2_providers);

bool oauth2_provider_known(Str name)
{
    for (size_t i = 0; i < oauth2_provider_count; i++) {
        if (str_eq(name, str_from(oauth2_providers[i].name))) return true;
    }
    return false;
}

Str oauth2_provider_logo(Arena *a, Str display_name)
{
    Str letter = str_sub(display_name, 0, utf8_offset(display_name, 1));
    bool lower = letter.len == 1 && letter.ptr[0] >= 'a' && letter.ptr[0] <= 'z';
    char upper = lower ? (char)(letter.ptr[0] - 32) : 0;
    Buf svg = buf_new(a, 256);
    buf_add(&svg, S("<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 24 24\">"
                    "<circle cx=\"12\" cy=\"12\" r=\"11\" fill=\"#5c6b7a\"/>"
                    "<text x=\"12\" y=\"16.5\" font-family=\"sans-serif\" font-size=\"13\" "
                    "font-weight=\"600\" fill=\"#fff\" text-anchor=\"middle\">"));
    html_escape(&svg, lower ? str_make(&upper, 1) : letter);
    buf_add(&svg, S("</text></svg>"));
    return buf_str(&svg);
}
