/* rule_trial.c - what a rule says to one caller about one record, and why
 * (docs/dashboard-api.md).
 *
 * The verdict is asked the way the endpoint asks: list and view rules of SQL,
 * a create rule of the would-be row that the body makes, an update rule of the
 * stored row with the body beside it. Each part of the rule is then asked alone
 * in the same snapshot. */
#include "records/records_internal.h"

#define TRIAL_MS 3000

typedef struct {
    App *app;
    Arena *a;
    const RuleTrial *trial;
    RuleOutcome *out;
    Write write;
    bool has_write;
    RequestInfo info;
    Record *record; /* as stored; NULL for a create */
    DbValue *row;   /* what the rule sees */
    Verdict verdict;
} Trial;

static bool is_change(RuleKind kind)
{
    return kind == RULE_CREATE || kind == RULE_UPDATE;
}

/* The row and the body as a create or an update would make them. */
static Error *apply_body(Trial *t)
{
    const RuleTrial *trial = t->trial;
    RecordChange change = {
        .collection = trial->c, .id = trial->id, .data = trial->data, .info = &trial->info};
    bool is_update = trial->kind == RULE_UPDATE;
    Error *err = write_begin(&t->write, t->app, t->a, trial->schema, &change, is_update);
    if (!err) err = write_apply(&t->write, is_update ? t->record : NULL);
    if (err) return err;
    t->info = t->write.info;
    t->row = t->write.rule_row;
    return NULL;
}

static Error *find_row(Tx *tx, Trial *t)
{
    if (t->trial->kind == RULE_CREATE) return NULL;
    Error *err = record_find(tx, t->trial->c, t->trial->id, &t->record);
    if (err && err->status == 404)
        return error_field(t->a, S("recordId"), "validation_missing_record",
                           S("There is no such record."));
    if (!err) t->row = t->record->values;
    return err;
}

static RuleQuestion question(const Trial *t)
{
    return (RuleQuestion){.schema = t->trial->schema,
                          .c = t->trial->c,
                          .kind = t->trial->kind,
                          .info = &t->info,
                          .values = t->row,
                          .id = t->record ? record_id(t->record) : S("")};
}

/* ---- the parts ---- */

/* What does not compile alone, or takes too long, stays unknown. */
static Error *ask_part(Tx *tx, const RuleQuestion *q, FilterPart *part)
{
    bool matches = false;
    Error *err = rule_filter_matches(tx, q, part->filter, &matches);
    if (err && db_error_kind(err) == DB_ERROR_TOO_SLOW) return err;
    if (!err) part->result = matches ? EVAL_TRUE : EVAL_FALSE;
    return NULL;
}

static Error *ask_parts(Tx *tx, Trial *t)
{
    RuleQuestion q = question(t);
    const Filter *filter = rule_filter(t->trial->c, t->trial->kind);
    RuleOutcome *out = t->out;
    if (!filter) return NULL;
    out->part_count =
        filter_parts(filter, t->trial->c->rules[t->trial->kind].text, t->a, t->trial->schema,
                     t->trial->c, &t->info, record_values_row, t->row, &out->parts);
    for (size_t i = 0; i < out->part_count; i++) {
        if (out->parts[i].result != EVAL_UNKNOWN) continue;
        Error *err = ask_part(tx, &q, &out->parts[i]);
        if (err) return err;
    }
    return NULL;
}

/* Where the whole does not hold, the first part that fails; where it does, the
 * first that carries it. */
static size_t deciding_part(const RuleOutcome *out)
{
    size_t at = 0;
    for (;;) {
        const FilterPart *part = &out->parts[at];
        bool one_decides = (part->kind == PART_AND && part->result == EVAL_FALSE) ||
                           (part->kind == PART_OR && part->result == EVAL_TRUE);
        size_t next = at;
        for (size_t i = at + 1; one_decides && i < out->part_count; i++) {
            if (out->parts[i].depth <= part->depth) break;
            if (out->parts[i].depth != part->depth + 1) continue;
            if (out->parts[i].result != part->result) continue;
            next = i;
            break;
        }
        if (next == at) return at;
        at = next;
    }
}

/* ---- the verdict ---- */

static Error *ask_whole(Tx *tx, Trial *t)
{
    RuleQuestion q = question(t);
    RuleKind kind = t->trial->kind;
    const Filter *filter = rule_filter(t->trial->c, kind);
    if (kind == RULE_MANAGE) return manager_ask(tx, t->a, &q, &t->verdict);
    if (is_change(kind) || kind == RULE_DELETE) return rule_ask(tx, t->a, &q, &t->verdict);

    bool matches = false;
    Error *err = filter ? rule_filter_matches(tx, &q, filter, &matches) : NULL;
    if (err && db_error_kind(err) != DB_ERROR_NONE) return err;
    t->verdict = !err && matches ? VERDICT_YES : VERDICT_NO;
    return NULL;
}

static Error *trial_work(Tx *tx, void *arg)
{
    Trial *t = arg;
    t->out->part_count = 0;
    t->info = t->trial->info;
    Error *err = find_row(tx, t);
    if (!err && is_change(t->trial->kind)) err = apply_body(t);
    if (!err) err = ask_whole(tx, t);
    if (!err) err = ask_parts(tx, t);
    if (err) return err;
    t->out->allowed = t->verdict == VERDICT_YES;
    t->out->deciding = t->out->part_count > 0 ? deciding_part(t->out) : 0;
    return NULL;
}

/* What needs no row. */
static bool decide_early(const RuleTrial *trial, RuleOutcome *out)
{
    const Rule *rule = &trial->c->rules[trial->kind];
    bool superuser = trial->info.auth && trial->info.auth->is_superuser;
    *out = (RuleOutcome){.allowed = true};
    if (superuser) {
        out->code = "superuser";
        out->reason = S("Superusers pass every rule.");
        return true;
    }
    if (trial->kind == RULE_MANAGE && (!trial->info.auth || rule->is_null || !rule->text.len)) {
        out->allowed = false;
        out->code = trial->info.auth ? "rule_null" : "guest";
        out->reason = trial->info.auth ? S("Without a manage rule only superusers manage records.")
                                       : S("Guests never manage records.");
        return true;
    }
    if (rule->is_null) {
        out->allowed = false;
        out->code = "rule_null";
        out->reason = trial->kind == RULE_AUTH
                          ? S("The rule is null: nobody may sign in.")
                          : S("The rule is null: only superusers may do this.");
        return true;
    }
    if (rule->text.len > 0) return false;
    out->code = "rule_empty";
    out->reason = S("The rule is empty: everybody may do this.");
    return true;
}

Error *rule_try(App *app, Arena *a, const RuleTrial *trial, RuleOutcome *out)
{
    if (decide_early(trial, out)) return NULL;
    Trial t = {.app = app, .a = a, .trial = trial, .out = out};
    Error *err = db_read_slow(app->db, a, TRIAL_MS, trial_work, &t);
    if (err) return err;
    out->code = out->allowed ? "rule_holds" : "rule_fails";
    if (out->part_count == 0) {
        out->reason = S("The rule cannot be read, so it holds for nobody.");
        return NULL;
    }
    Str part = out->parts[out->deciding].text;
    if (out->deciding == 0)
        out->reason = out->allowed ? S("The rule holds.") : S("The rule does not hold.");
    else
        out->reason = str_printf(a,
                                 out->allowed ? "The rule holds by: %.*s"
                                              : "The rule does not hold, because of: %.*s",
                                 STR_ARG(part));
    return NULL;
}
