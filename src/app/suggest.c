/* suggest.c - "did you mean": the nearest of some words by edit distance. */
#include "app/options.h"

#define WORD_MAX 40

/* Insertions, deletions and replacements that turn one word into the other;
 * two neighbours swapped count as one too (Damerau). */
static size_t distance(Str x, Str y)
{
    size_t rows[3][WORD_MAX + 1];
    size_t *before = rows[0], *last = rows[1], *row = rows[2];
    for (size_t j = 0; j <= y.len; j++)
        last[j] = j;
    for (size_t i = 1; i <= x.len; i++) {
        row[0] = i;
        for (size_t j = 1; j <= y.len; j++) {
            size_t replace = last[j - 1] + (x.ptr[i - 1] != y.ptr[j - 1]);
            row[j] = MIN(MIN(last[j], row[j - 1]) + 1, replace);
            if (i > 1 && j > 1 && x.ptr[i - 1] == y.ptr[j - 2] && x.ptr[i - 2] == y.ptr[j - 1])
                row[j] = MIN(row[j], before[j - 2] + 1);
        }
        size_t *spare = before;
        before = last;
        last = row;
        row = spare;
    }
    return last[y.len];
}

Str suggest(Str word, const Str *candidates, size_t count)
{
    Str best = S("");
    if (word.len == 0 || word.len > WORD_MAX) return best;
    size_t near = MIN((size_t)3, MAX(word.len / 2, (size_t)1)) + 1;
    for (size_t i = 0; i < count; i++) {
        if (candidates[i].len > WORD_MAX) continue;
        size_t d = distance(word, candidates[i]);
        if (d >= near) continue;
        near = d;
        best = candidates[i];
    }
    return best;
}
