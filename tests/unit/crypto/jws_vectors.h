/* jws_vectors.h - keys and tokens made with Node's crypto module: {"sub":"ann","aud":"app"}
 * signed under each algorithm, with a key too small, and in two forged ways. */
#ifndef CROFT_JWS_VECTORS_H
#define CROFT_JWS_VECTORS_H

#define JWS_KEYS                                                                                   \
    "{\"keys\":[{\"kty\":\"RSA\",\"n\":\"uuukInitvBMcQEh2Ye3-cBX5R2QryWT5inKSZ4gxaMB-mqpUVOdE"     \
    "clVdRCq832oDcsTBBFRiDYjqTZSqT0LfoZTKMPC5b8s7vlDkqC02TX25Iss2iSYBzKvzej2joHx-Nu2X8yBCosQA"     \
    "Gr1iUELWUZ9GHZwG5WKenDQFkev6fASKV3kIW7Muu2WjynMPQt3p9ld6CHZvdHibkhpVW29_8D6es28gt8FGXHlT"     \
    "3PSUgAx-222nwpV4dc0CsieaquVA5D7ArM8TaWNh-21GEEHUWHZG90OypM_MFinpGhbOaFA-rx7ryK70mFWo4F-n"     \
    "fsnlkULYSGSv_Rb2QtLO5v4zEw\",\"e\":\"AQAB\",\"kid\":\"rsa\"},{\"kty\":\"RSA\",\"n\":\"sc"     \
    "ilXNxgKLXL74mkd5nyToH4wQ2ikXPqpbIxF-hLi0jyM-f5EMFo9tQzryhDfPGdXiSMqViNUKGSmCezuwk5JSGUpp"     \
    "FgsmwbeKu5k8jQb6D6nTe4PiZd8fJ4Dmebi2DrccwPLpqwtV8y1iiMOzg68NPbnI8Hp88fOTKpJ_Ysws41V06gkr"     \
    "VdZ1UeW9gPWUsHIAinlQWBSxqp7ZDRSagTvkEyj5_3lIVhN0lwjDtJIljOjlnDE_K77EhH7uswSjW5FISIguQ4Z9"     \
    "TuaGjJZoMYXr9NZL598RI_c8G1wltJnP4SR1zUq1skT9pvyvQYMETQ3LQ9kJ3OWH2odqUpefQXGQ\",\"e\":\"A"     \
    "QAB\",\"kid\":\"rsa512\"},{\"kty\":\"EC\",\"x\":\"WK7H8z6H4QySoWyc-AjiWKSLTb6JLscMPtXGIU"     \
    "DHD_8\",\"y\":\"4awpSz6iyalNrZVXDw4ukJWCcSGbO1IO42ew7jtW3vc\",\"crv\":\"P-256\",\"kid\":"     \
    "\"p256\"},{\"kty\":\"EC\",\"x\":\"DZbpCYROLlnY-YDsHejIPE9lK47DbTADbugCwq05wqG0q0Ao0v8mwu"     \
    "Pq0bsSxNbc\",\"y\":\"lrRDFq5QuI7cU_Ec7h56YmGKUbGKJcbdgdYXo5A7Wd34nv31eJ4zLQlVcvgfir2p\","     \
    "\"crv\":\"P-384\",\"kid\":\"p384\"},{\"crv\":\"Ed25519\",\"x\":\"D_NhcPtaeS6jhLDi7rHPj4b"     \
    "TqcAXQbLlEx7dgA5qSzo\",\"kty\":\"OKP\",\"kid\":\"ed\"},{\"kty\":\"RSA\",\"n\":\"tJI-chDU"     \
    "Ewa6NVxRA6gp6BB2t6fPyP9OjTrco1R164WsmtF8Mv4ubJIKsM1VnfLhhWx7vfi2VhWNay0MU1D87a3DVFi_Y9vl"     \
    "F-qWg21bKMXrRve8mSLel8nWvogtdEKp81SPmCWslmnwnm3IxxlymVGzUjKmOQiUv7erBsXNjkk\",\"e\":\"AQ"     \
    "AB\",\"kid\":\"weak\"}]}"
#define JWS_RSA                                                                                    \
    "eyJhbGciOiJSUzI1NiIsImtpZCI6InJzYSJ9.eyJzdWIiOiJhbm4iLCJhdWQiOiJhcHAifQ.j-IDpoEDon9dbFJK"     \
    "_t-A0hI9yn-VS6zz77dW-LDRMLDu8-nYnt7rFEJQV37Ti6AsYqiwHqGpvp1sIFQajjcoQqjyCjmMPVoe8D8qIFNb"     \
    "Z2g-yt7sN1AqKdEWRwKrfNW6d9rr3VgOhi7Oj5QayRKp3_QvGkEQn_Ecu6CrLH6w6vsR-f24ITrwyqV0ceSaPmjt"     \
    "UUBo0AmQA-EnxbIDQWCoNvNtcK0oBX8QwOqUv51mus57k65ldN4yGRKNVZU57zQfHM1Mvf4vY_42spMWcsBVVi7O"     \
    "sq_Ovh9B9MdrlKDO32c0yp_7E4e0TASrdnAeuaStxKC1FNyd3-oDO-IF19wipQ"
#define JWS_RSA512                                                                                 \
    "eyJhbGciOiJSUzUxMiIsImtpZCI6InJzYTUxMiJ9.eyJzdWIiOiJhbm4iLCJhdWQiOiJhcHAifQ.d-gWEYxIwOlG"     \
    "8B0M40f1cqPzoxEcUsrRTa7DpiGdxYcXDQ60TM6MutR8cSqZau9UU7V17-8y_73l_-5VSYBFE3kdpYVOI5sp4DLW"     \
    "GeNVOmbZBDysZCceZMVAFPKCi2IkJWxwD66pTTyKu5KwNw6oeLiOTsLPMF7X3n-y1_2zjEgh1N9ZimHM4OVrFpHo"     \
    "wrl8Cv88veFcJ3FncZv_YHWGDQl1FAALlUGKoNEKwkPy5MNA4SXbs1sFJOTkMr9ZG1xLk9FzRluQPzPrIYfUvaxl"     \
    "CKXQ_9JNagWoClz2Jl6M4OEn5q4SoWFPCoynFEWLs4XEZrFvuz9zH_ibWLda30aijw"
#define JWS_P256                                                                                   \
    "eyJhbGciOiJFUzI1NiIsImtpZCI6InAyNTYifQ.eyJzdWIiOiJhbm4iLCJhdWQiOiJhcHAifQ.yCWX0u8lYtDmm5"     \
    "AhLRrkvAbQnRRbBJBy22tdOiBFbclGiHJWQjp_49rENSjsct__LCJz0lljQKmctk-qAsL73Q"
#define JWS_P384                                                                                   \
    "eyJhbGciOiJFUzM4NCIsImtpZCI6InAzODQifQ.eyJzdWIiOiJhbm4iLCJhdWQiOiJhcHAifQ.LEeaPMCJRMmMKz"     \
    "IFxhzaz9a-9XKwZpust2muBeEnWR8nOdTPX8c_euTx5BUnLEcFxQVHqr0opKB0O2WXBqex9Zx7A6XKQcLDOZx9EF"     \
    "yjLgSImw1FGhd_coRa_WLv3Wic"
#define JWS_ED                                                                                     \
    "eyJhbGciOiJFZERTQSIsImtpZCI6ImVkIn0.eyJzdWIiOiJhbm4iLCJhdWQiOiJhcHAifQ.7LbIa8l3zWP3j3Ah-"     \
    "8Fmb6GmARl5KG4Nqz0um9lFGoclOpdOtMCIlY7pT2jQKPa5mTMoIfYj3Lh0iPgMlqsDBA"
#define JWS_WEAK                                                                                   \
    "eyJhbGciOiJSUzI1NiIsImtpZCI6IndlYWsifQ.eyJzdWIiOiJhbm4iLCJhdWQiOiJhcHAifQ.Nzwj9OIXPsJEXL"     \
    "wsMdVvmlWdQLQDBYE-aULmx_SIUxGkbRIiywNeoNMVoRVpIWVs8RRW31YC-AnZS7g2qg2Z9kVMSJcm4IqdH9XkzA"     \
    "WVGGvF0NbQDBMQ2vpEmSUt1g97lOuV8Apdvr-pffJkL_w6D6LYof5WDr4U51NnGqo79rg"
#define JWS_NONE "eyJhbGciOiJub25lIiwia2lkIjoicnNhIn0.eyJzdWIiOiJhbm4iLCJhdWQiOiJhcHAifQ.AA"
#define JWS_HMAC                                                                                   \
    "eyJhbGciOiJIUzI1NiIsImtpZCI6InJzYSJ9.eyJzdWIiOiJhbm4iLCJhdWQiOiJhcHAifQ.pNItkUl52F1gL4Ff"     \
    "USwgod2ctXy99mtm-R4Qq-kaAQo"

#endif
