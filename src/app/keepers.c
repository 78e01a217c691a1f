/* keepers.c - forking and replacing the image processes. */
#include "app/keepers.h"

#include "app/supervisor.h"
#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

Error *keepers_open(Arena *a, WorkerPlan *plan, Keepers *out)
{
    long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    int count = (int)MIN(MAX(cpus, 1), IMAGE_KEEPERS_MAX);
    *out = (Keepers){.run_as = plan->run_as};
    for (int i = 0; i < count; i++) {
        Error *err = image_channel_open(a, &out->list[i].channel);
        if (err) return err;
        out->count++;
        plan->image_lines[i] = out->list[i].channel.worker;
    }
    plan->image_line_count = count;
    return NULL;
}

static void keeper_fork(const Keepers *k, Keeper *one)
{
    one->started_ms = clock_mono_ms();
    pid_t pid = fork();
    if (pid == 0) {
        ImageKeeper plan = {.fd = one->channel.keeper, .idle_ms = IMAGE_IDLE_MS};
        if (k->run_as.change) {
            plan.uid = k->run_as.uid;
            plan.gid = k->run_as.gid;
        }
        image_keeper_run(&plan);
    }
    if (pid < 0) {
        log_error("supervisor", "cannot fork for images", LOG_INT("errno", errno));
        one->start_at_ms = one->started_ms + 1000;
        return;
    }
    one->pid = pid;
}

void keepers_start_due(Keepers *k)
{
    for (int i = 0; i < k->count; i++) {
        Keeper *one = &k->list[i];
        if (!one->pid && clock_mono_ms() >= one->start_at_ms) keeper_fork(k, one);
    }
}

void keeper_ended(Keepers *k, pid_t pid, int status)
{
    for (int i = 0; i < k->count; i++) {
        Keeper *one = &k->list[i];
        if (one->pid != pid) continue;
        uint64_t now_ms = clock_mono_ms();
        bool was_quick = now_ms - one->started_ms < SUPERVISOR_QUICK_MS;
        one->quick_deaths = was_quick ? one->quick_deaths + 1 : 0;
        one->pid = 0;
        one->start_at_ms = now_ms + supervisor_backoff_ms(one->quick_deaths);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return; /* idle */
        image_channel_tell_death(&one->channel);
        log_warn("supervisor", "an image process died; starting another",
                 LOG_INT("signal", WIFSIGNALED(status) ? WTERMSIG(status) : 0),
                 LOG_INT("exit", WIFEXITED(status) ? WEXITSTATUS(status) : 0),
                 LOG_INT("deaths_in_a_row", one->quick_deaths));
    }
}

void keepers_stop(Keepers *k)
{
    for (int i = 0; i < k->count; i++) {
        Keeper *one = &k->list[i];
        if (one->pid) {
            (void)kill(one->pid, SIGKILL); /* its child follows it */
            while (waitpid(one->pid, NULL, 0) < 0 && errno == EINTR)
                continue;
        }
        image_channel_close(&one->channel);
    }
    k->count = 0;
}
