/* Search in an inverted index of blocks of at most 65536 rows: the scores of a block stay in the cache.
 *
 * Source: term at a time with accumulators, Turtle and Flood, "Query evaluation: strategies and
 * optimizations", Information Processing & Management 1995, section 2.
 */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define NOINLINE __attribute__((noinline))
enum { BLOCK = 65536, LINE = 64, NUM_LINES = BLOCK / LINE };

static NOINLINE void add_list(const uint16_t *restrict ids, const uint8_t *restrict codes, ptrdiff_t length,
                              float value, const float *restrict weights, float *restrict scores,
                              uint8_t *restrict is_touched)
{
    for (ptrdiff_t i = 0; i < length; i++) {
        scores[ids[i]] += value * weights[codes[i]];
        is_touched[ids[i] / LINE] = 1;
    }
}

static NOINLINE float largest(const float *scores)
{
    float best = scores[0];
    for (int i = 1; i < LINE; i++) best = scores[i] > best ? scores[i] : best;
    return best;
}

/* Put a row into the falling list of the best; of equal scores the smaller row, which comes first, stays. */
static void insert(float score, int64_t row, ptrdiff_t k, float *best, int64_t *rows)
{
    ptrdiff_t at = k - 1;
    for (; at > 0 && best[at - 1] < score; at--) {
        best[at] = best[at - 1];
        rows[at] = rows[at - 1];
    }
    best[at] = score;
    rows[at] = row;
}

/* Take the scores of a block into the best ones and leave zeros behind. */
static void collect(float *scores, uint8_t *is_touched, int64_t first_row, ptrdiff_t k, float *best,
                    int64_t *rows)
{
    for (ptrdiff_t line = 0; line < NUM_LINES; line++) {
        if (!is_touched[line]) continue;
        is_touched[line] = 0;
        float *here = scores + line * LINE;
        if (largest(here) > best[k - 1])
            for (ptrdiff_t i = 0; i < LINE; i++)
                if (here[i] != 0 && here[i] > best[k - 1])
                    insert(here[i], first_row + line * LINE + i, k, best, rows);
        memset(here, 0, LINE * sizeof *here);
    }
}

/* The k best rows of each query. `best` (falling) and `rows` hold what was found before; `scores` are BLOCK
 * zeros, `is_touched` NUM_LINES zeros, and are so again afterwards. A list that reaches beyond its block, as
 * in a damaged file, is left out.
 */
void search_blocks(ptrdiff_t num_queries, const int32_t *query_starts, const int32_t *columns,
                   const float *values, ptrdiff_t num_blocks, ptrdiff_t num_columns, const uint32_t *starts,
                   const int64_t *offsets, const uint16_t *ids, const uint8_t *codes,
                   const float *codebooks, ptrdiff_t k, float *best, int64_t *rows, float *scores,
                   uint8_t *is_touched)
{
    for (ptrdiff_t block = 0; block < num_blocks; block++) {
        const uint32_t *lists = starts + block * (num_columns + 1);
        const int64_t first = offsets[block], size = offsets[block + 1] - first;
        for (ptrdiff_t q = 0; q < num_queries; q++) {
            for (int32_t at = query_starts[q]; at < query_starts[q + 1]; at++) {
                const int64_t start = lists[columns[at]], stop = lists[columns[at] + 1];
                if (start < stop && stop <= size)
                    add_list(ids + first + start, codes + first + start, stop - start, values[at],
                             codebooks + 256 * block, scores, is_touched);
            }
            collect(scores, is_touched, block * BLOCK, k, best + q * k, rows + q * k);
        }
    }
}
