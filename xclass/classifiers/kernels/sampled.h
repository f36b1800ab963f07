/* The sampled softmax over one block of logits, and the update of its rows; included once per element type by
 * sampled.c, which defines besides what block.h needs
 *   SQRT         square root of R
 *   WRITE_ROW    row[d] <- keep * row[d] - step * sum[d]
 */

/* In place: exp(logit - offset - maximum[b]), summed into total[b]. maximum and total may come in with terms that
 * stand in no row (the true class); maximum[b] leaves as the largest logit of all.
 * One exponential per logit: what is left to divide by, total[b], belongs to the example, and is divided out of
 * the inputs of the next product instead of out of the block.
 * Columns are taken in groups: the maxima and sums of a group stay in registers and the first-level cache. */
void NAME(exp_shifted)(T *restrict logits, ptrdiff_t rows, ptrdiff_t columns, const R *restrict offsets,
                       R *restrict maximum, double *restrict total)
{
    for (ptrdiff_t first = 0; first < columns; first += GROUP_COLUMNS) {
        const ptrdiff_t width = columns - first < GROUP_COLUMNS ? columns - first : GROUP_COLUMNS;
        R top[GROUP_COLUMNS], sum[GROUP_COLUMNS];
        for (ptrdiff_t b = 0; b < width; b++) top[b] = maximum[first + b];
        for (ptrdiff_t p = 0; p < rows; p++) {
            const T *restrict row = logits + p * columns + first;
            const R offset = offsets[p];
            for (ptrdiff_t b = 0; b < width; b++) {
                const R x = GET(row[b]) - offset;
                top[b] = x > top[b] ? x : top[b];
            }
        }
        for (ptrdiff_t b = 0; b < width; b++) {
            total[first + b] *= EXP(maximum[first + b] - top[b]);
            maximum[first + b] = top[b];
        }
        for (ptrdiff_t from = 0; from < rows; from += GROUP_ROWS) {
            const ptrdiff_t to = from + GROUP_ROWS < rows ? from + GROUP_ROWS : rows;
            for (ptrdiff_t b = 0; b < width; b++) sum[b] = 0;
            for (ptrdiff_t p = from; p < to; p++) {
                T *restrict row = logits + p * columns + first;
                const R offset = offsets[p];
                for (ptrdiff_t b = 0; b < width; b++) {
                    const R e = EXP(GET(row[b]) - offset - top[b]);
                    sum[b] += e;
                    row[b] = PUT(e);
                }
            }
            for (ptrdiff_t b = 0; b < width; b++) total[first + b] += sum[b];
        }
    }
}

/* Row-wise Adagrad with weight decay on the touched rows. Row rows[u] gets the sum of the gradients
 * order[starts[u]] .. order[starts[u + 1] - 1]; state += mean square of that sum;
 * row <- (1 - rate decay) row - rate / (sqrt(state) + 1e-10) sum.
 * Source: FBGEMM EXACT_ROWWISE_ADAGRAD; Duchi, Hazan, Singer, JMLR 2011. */
void NAME(adagrad_rows)(T *restrict weights, R *restrict state, const T *restrict gradient,
                        const int64_t *restrict rows, const int64_t *restrict starts,
                        const int64_t *restrict order, ptrdiff_t num_rows, ptrdiff_t dim, R rate, R decay,
                        uint16_t *restrict lost, ptrdiff_t num_kahan, int is_stochastic, uint32_t key)
{
    const R keep = 1 - rate * decay;
    for (ptrdiff_t u = 0; u < num_rows; u++) {
        if (u + AHEAD < num_rows) {
            FETCH_ROW(weights + rows[u + AHEAD] * dim, dim * (ptrdiff_t)sizeof(T));
            FETCH(state + rows[u + AHEAD]);
        }
        R sum[dim], lanes[LANES] = {0}, squares = 0;
        const T *restrict first = gradient + order[starts[u]] * dim;
        for (ptrdiff_t d = 0; d < dim; d++) sum[d] = GET(first[d]);
        for (int64_t t = starts[u] + 1; t < starts[u + 1]; t++) {
            const T *restrict more = gradient + order[t] * dim;
            for (ptrdiff_t d = 0; d < dim; d++) sum[d] += GET(more[d]);
        }
        const ptrdiff_t whole = dim - dim % LANES;
        for (ptrdiff_t d = 0; d < whole; d += LANES)
            for (int lane = 0; lane < LANES; lane++) lanes[lane] += sum[d + lane] * sum[d + lane];
        for (ptrdiff_t d = whole; d < dim; d++) squares += sum[d] * sum[d];
        for (int lane = 0; lane < LANES; lane++) squares += lanes[lane];
        state[rows[u]] += squares / dim;
        const R step = rate / (SQRT(state[rows[u]]) + (R)1e-10);
        T *restrict row = weights + rows[u] * dim;
        (void)lost, (void)num_kahan, (void)is_stochastic, (void)key;
        WRITE_ROW
    }
}
