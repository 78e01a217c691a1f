/* sanitized.h - SANITIZED is defined in builds under AddressSanitizer or
 * ThreadSanitizer (gcc says so by macros, clang by __has_feature). They need
 * more memory, and their leak checker traces its own process, so what shuts a
 * process in has to leave them room:
 *
 *     #ifndef SANITIZED
 *         (void)prctl(PR_SET_DUMPABLE, 0);
 *     #endif
 */
#ifndef CROFT_BASE_SANITIZED_H
#define CROFT_BASE_SANITIZED_H

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED 1
#endif

#endif
