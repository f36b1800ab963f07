/* Kernels of the sampled softmax; compiled together with kernels.c, whose exp and bfloat16 it uses. Each call runs
 * on the thread that makes it, on its own examples or its own rows. */

#include "kernels.c"

#undef T
#undef R
#undef NAME
#undef GET
#undef PUT
#undef EXP
#undef LOG1P

#define GROUP_COLUMNS 256
#define GROUP_ROWS 64 /* as many terms are summed in the type of a logit before they are added in double */
#define LANES 16
#define AHEAD 8 /* rows of a table larger than the cache are asked for this many rows before they are needed */
#ifdef __GNUC__
#define FETCH(address) __builtin_prefetch(address)
#else
#define FETCH(address) ((void)(address))
#endif
#define FETCH_ROW(address, num_bytes)                                                                             \
    for (ptrdiff_t at_ = 0; at_ < (num_bytes); at_ += 64) FETCH((const char *)(address) + at_)

#define T float
#define R float
#define NAME(f) f##_float32
#define GET AS_IT_IS
#define PUT AS_IT_IS
#define EXP exp_float
#define SQRT sqrtf
#define WRITE_ROW                                                                                                 \
    for (ptrdiff_t d = 0; d < dim; d++) row[d] = keep * row[d] - step * sum[d];
#include "sampled.h"
#undef T
#undef R
#undef NAME
#undef EXP
#undef SQRT

#define T double
#define R double
#define NAME(f) f##_float64
#define EXP exp_double
#define SQRT sqrt
#include "sampled.h"
#undef T
#undef R
#undef NAME
#undef GET
#undef PUT
#undef EXP
#undef SQRT
#undef WRITE_ROW

/* A row that carries its rounding error along (Kahan, see update_kahan), or is rounded up and down at random by
 * nothing but (key, class, d), or to nearest. */
static void write_bfloat16(uint16_t *restrict row, uint16_t *restrict lost, const float *restrict sum,
                           ptrdiff_t dim, float keep, float step, int is_stochastic, uint32_t key)
{
    if (lost) {
        for (ptrdiff_t d = 0; d < dim; d++) {
            const float old = get_bfloat16(row[d]);
            const float wanted = (keep - 1.0f) * old - step * sum[d] + get_bfloat16(lost[d]);
            const uint16_t rounded = put_bfloat16(old + wanted);
            lost[d] = put_bfloat16(wanted - (get_bfloat16(rounded) - old));
            row[d] = rounded;
        }
    } else if (is_stochastic) {
        for (ptrdiff_t d = 0; d < dim; d++)
            row[d] = put_stochastic(keep * get_bfloat16(row[d]) - step * sum[d], mix((uint32_t)d + key));
    } else {
        for (ptrdiff_t d = 0; d < dim; d++) row[d] = put_bfloat16(keep * get_bfloat16(row[d]) - step * sum[d]);
    }
}

#define T uint16_t
#define R float
#define NAME(f) f##_bfloat16
#define GET get_bfloat16
#define PUT put_bfloat16
#define EXP exp_float
#define SQRT sqrtf
#define WRITE_ROW                                                                                                 \
    write_bfloat16(row, rows[u] < num_kahan ? lost + rows[u] * dim : NULL, sum, dim, keep, step, is_stochastic,   \
                   mix(key + (uint32_t)rows[u]));
#include "sampled.h"

/* Rows of a table into one array behind each other. */
void gather_rows(const char *restrict table, ptrdiff_t row_bytes, const int64_t *restrict rows, ptrdiff_t num_rows,
                 char *restrict gathered)
{
    for (ptrdiff_t t = 0; t < num_rows; t++) {
        if (t + AHEAD < num_rows) FETCH_ROW(table + rows[t + AHEAD] * row_bytes, row_bytes);
        memcpy(gathered + t * row_bytes, table + rows[t] * row_bytes, (size_t)row_bytes);
    }
}

/* Stable order of non-negative ids, by 11 bits at a time: 5 000 ids below 2^27 take 40 us, where comparing them
 * takes 120. scratch holds n ids and n positions. */
static void sort_by_digits(int64_t *ids, int64_t *order, ptrdiff_t n, int64_t *scratch)
{
    int64_t *from_ids = ids, *from_order = order, *to_ids = scratch, *to_order = scratch + n, largest = 0;
    for (ptrdiff_t i = 0; i < n; i++) largest = ids[i] > largest ? ids[i] : largest;
    for (int shift = 0; shift < 63 && largest >> shift; shift += 11) {
        ptrdiff_t start[2049] = {0};
        for (ptrdiff_t i = 0; i < n; i++) start[1 + ((from_ids[i] >> shift) & 2047)]++;
        for (int digit = 0; digit < 2048; digit++) start[digit + 1] += start[digit];
        for (ptrdiff_t i = 0; i < n; i++) {
            const ptrdiff_t to = start[(from_ids[i] >> shift) & 2047]++;
            to_ids[to] = from_ids[i];
            to_order[to] = from_order[i];
        }
        int64_t *swap = from_ids; from_ids = to_ids; to_ids = swap;
        swap = from_order; from_order = to_order; to_order = swap;
    }
    if (from_ids != ids) {
        memcpy(ids, from_ids, (size_t)n * sizeof *ids);
        memcpy(order, from_order, (size_t)n * sizeof *order);
    }
}

/* Which rows a step touches. In: ids, num_true true classes and then the sampled ones, both with repeats.
 * Out: rows[u], the distinct classes, rising; starts and order as adagrad_rows wants them, where the gradient of
 * true class i is row i, and that of distinct sampled class k from part p of the batch is row base + p stride + k;
 * sampled[k] and how often each was drawn, times[k]; hits: example hit_examples[h] has sampled[hit_places[h]] as
 * its true class. counts: rows, distinct sampled, hits. order holds num_true + parts (n - num_true) values, scratch
 * and more_scratch 2 n each. */
void group_rows(const int64_t *restrict ids, ptrdiff_t num_true, ptrdiff_t n, ptrdiff_t parts, ptrdiff_t base,
                ptrdiff_t stride, int64_t *restrict rows,
                int64_t *restrict starts, int64_t *restrict order, int64_t *restrict sampled,
                int64_t *restrict times, int64_t *restrict hit_examples, int64_t *restrict hit_places,
                int64_t *restrict counts, int64_t *restrict scratch, int64_t *restrict more_scratch)
{
    int64_t *sorted = scratch, *places = scratch + n;
    for (ptrdiff_t i = 0; i < n; i++) sorted[i] = ids[i], places[i] = i;
    sort_by_digits(sorted, places, n, more_scratch);
    ptrdiff_t num_rows = 0, num_sampled = 0, num_hits = 0, filled = 0;
    for (ptrdiff_t i = 0; i < n;) {
        const int64_t id = sorted[i];
        ptrdiff_t end = i, first_sampled;
        rows[num_rows] = id;
        starts[num_rows++] = filled;
        while (end < n && sorted[end] == id && places[end] < num_true) order[filled++] = places[end++];
        first_sampled = end;
        while (end < n && sorted[end] == id) end++;
        if (end > first_sampled) {
            sampled[num_sampled] = id;
            times[num_sampled] = end - first_sampled;
            for (ptrdiff_t h = i; h < first_sampled; h++) {
                hit_examples[num_hits] = places[h];
                hit_places[num_hits++] = num_sampled;
            }
            for (ptrdiff_t part = 0; part < parts; part++) order[filled++] = base + part * stride + num_sampled;
            num_sampled++;
        }
        i = end;
    }
    starts[num_rows] = filled;
    counts[0] = num_rows, counts[1] = num_sampled, counts[2] = num_hits;
}
