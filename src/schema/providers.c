/* providers.c - the names of the sign-in providers (api: auth §7). */
#include "schema/schema.h"

const OAuth2Provider oauth2_providers[] = {
    {"apple",          "Apple"             },
    {"google",         "Google"            },
    {"microsoft",      "Microsoft"         },
    {"yandex",         "Yandex"            },
    {"facebook",       "Facebook"          },
    {"instagram2",     "Instagram"         },
    {"github",         "GitHub"            },
    {"gitlab",         "GitLab"            },
    {"bitbucket",      "Bitbucket"         },
    {"gitee",          "Gitee"             },
    {"gitea",          "Gitea/Forgejo"     },
    {"discord",        "Discord"           },
    {"twitter",        "X/Twitter"         },
    {"kakao",          "Kakao"             },
    {"vk",             "ВКонтакте"},
    {"linear",         "Linear"            },
    {"notion",         "Notion"            },
    {"monday",         "monday.com"        },
    {"lark",           "Lark"              },
    {"box",            "Box"               },
    {"spotify",        "Spotify"           },
    {"trakt",          "Trakt"             },
    {"twitch",         "Twitch"            },
    {"patreon",        "Patreon"           },
    {"strava",         "Strava"            },
    {"wakatime",       "WakaTime"          },
    {"livechat",       "LiveChat"          },
    {"mailcow",        "mailcow"           },
    {"planningcenter", "Planning Center"   },
    {"oidc",           "OIDC"              },
    {"oidc2",          "OIDC"              },
    {"oidc3",          "OIDC"              },
};
const size_t oauth2_provider_count = COUNT(oauth2_providers);

bool oauth2_provider_known(Str name)
{
    for (size_t i = 0; i < oauth2_provider_count; i++) {
        if (str_eq(name, str_from(oauth2_providers[i].name))) return true;
    }
    return false;
}
