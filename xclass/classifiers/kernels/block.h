/* The kernels over one block of logits; included by kernels.c once per element type, which defines
 *   T        a logit in memory            GET, PUT   from and to memory
 *   R        what is computed with        EXP, LOG1P exp(x <= 0), log(1 + z) for z in (0, 1]
 *   NAME(f)  f with the type's suffix
 */

/* Functions of their own: inlined, gcc 12 forgets `restrict` and takes a scalar loop, ten times slower. */
static NOINLINE void NAME(take_maximum)(const T *restrict row, ptrdiff_t width, R offset, R *restrict maximum)
{
    for (ptrdiff_t b = 0; b < width; b++) {
        const R x = GET(row[b]) - offset;
        maximum[b] = x > maximum[b] ? x : maximum[b];
    }
}

static NOINLINE void NAME(add_exp)(const T *restrict row, ptrdiff_t width, R offset, const R *restrict maximum,
                          R *restrict total)
{
    for (ptrdiff_t b = 0; b < width; b++) total[b] += EXP(GET(row[b]) - offset - maximum[b]);
}

/* What was summed so far shrinks by exp(old maximum - new maximum). */
static NOINLINE void NAME(carry)(ptrdiff_t width, R *restrict maximum, double *restrict total,
                        R *restrict tile_maximum, const R *restrict tile_total)
{
    for (ptrdiff_t b = 0; b < width; b++) {
        const R old = maximum[b];
        maximum[b] = tile_maximum[b];
        tile_maximum[b] = EXP(old - tile_maximum[b]);
    }
    for (ptrdiff_t b = 0; b < width; b++) total[b] = total[b] * tile_maximum[b] + tile_total[b];
}

/* Online log-sum-exp over the rows: maximum[b], and total[b] = sum of exp(logit - offset - maximum[b]).
 * A tile stays in the first-level cache for the second look; sums are carried from tile to tile in double.
 * Source: Milakov & Gimelshein, "Online normalizer calculation for softmax", 2018. */
void NAME(exp_sum)(const T *restrict logits, ptrdiff_t rows, ptrdiff_t columns, const R *restrict offsets,
                   R *restrict maximum, double *restrict total)
{
    R tile_maximum[TILE_COLUMNS], tile_total[TILE_COLUMNS];
    for (ptrdiff_t first = 0; first < columns; first += TILE_COLUMNS) {
        const ptrdiff_t width = columns - first < TILE_COLUMNS ? columns - first : TILE_COLUMNS;
        for (ptrdiff_t top = 0; top < rows; top += TILE_ROWS) {
            const ptrdiff_t bottom = top + TILE_ROWS < rows ? top + TILE_ROWS : rows;
            memcpy(tile_maximum, maximum + first, (size_t)width * sizeof(R));
            memset(tile_total, 0, (size_t)width * sizeof(R));
            for (ptrdiff_t p = top; p < bottom; p++)
                NAME(take_maximum)(logits + p * columns + first, width, offsets ? offsets[p] : 0, tile_maximum);
            for (ptrdiff_t p = top; p < bottom; p++)
                NAME(add_exp)(logits + p * columns + first, width, offsets ? offsets[p] : 0, tile_maximum, tile_total);
            NAME(carry)(width, maximum + first, total + first, tile_maximum, tile_total);
        }
    }
}

/* In place: exp(logit - offset - maximum[b] - log_total[b]) - shift, less the share of each true class (start is the class of row 0).
 * Two steps, because maximum + log_total rounded to one float would lose the digits of log_total.
 * A true class's error is rounded once, after the subtraction: in bfloat16, 1 - 1 would have no digits left. */
void NAME(softmax_errors)(T *restrict logits, ptrdiff_t rows, ptrdiff_t columns, const R *restrict offsets,
                          const R *restrict maximum, const R *restrict log_total, R shift, int64_t start,
                          const int64_t *restrict true_classes, const int64_t *restrict true_columns,
                          const R *restrict true_shares, R *restrict true_errors, ptrdiff_t num_true)
{
    for (ptrdiff_t t = 0; t < num_true; t++) {
        const R logit = GET(logits[(true_classes[t] - start) * columns + true_columns[t]]);
        const R offset = offsets ? offsets[true_classes[t] - start] : 0;
        const int64_t b = true_columns[t];
        true_errors[t] = EXP(logit - offset - maximum[b] - log_total[b]) - shift - true_shares[t];
    }
    for (ptrdiff_t p = 0; p < rows; p++) {
        T *restrict row = logits + p * columns;
        const R offset = offsets ? offsets[p] : 0;
        for (ptrdiff_t b = 0; b < columns; b++)
            row[b] = PUT(EXP(GET(row[b]) - offset - maximum[b] - log_total[b]) - shift);
    }
    for (ptrdiff_t t = 0; t < num_true; t++)
        logits[(true_classes[t] - start) * columns + true_columns[t]] = PUT(true_errors[t]);
}

static NOINLINE void NAME(take_sigmoid)(T *restrict row, ptrdiff_t width, R offset, R *restrict loss)
{
    for (ptrdiff_t b = 0; b < width; b++) {
        const R x = GET(row[b]) - offset;
        const R z = EXP(x > 0 ? -x : x); /* exp(-|x|): never overflows */
        loss[b] += (x > 0 ? x : 0) + LOG1P(z);
        row[b] = PUT((x > 0 ? 1 : z) / (1 + z));
    }
}

/* In place: sigmoid(logit - offset), less the share of each true class; losses[b] += the sum over rows
 * of log(1 + exp(logit - offset)). */
void NAME(sigmoid_errors)(T *restrict logits, ptrdiff_t rows, ptrdiff_t columns, R offset,
                          double *restrict losses, int64_t start,
                          const int64_t *restrict true_classes, const int64_t *restrict true_columns,
                          const R *restrict true_shares, R *restrict true_errors, ptrdiff_t num_true)
{
    R tile_loss[TILE_COLUMNS];
    for (ptrdiff_t t = 0; t < num_true; t++) {
        const R x = GET(logits[(true_classes[t] - start) * columns + true_columns[t]]) - offset;
        const R z = EXP(x > 0 ? -x : x);
        true_errors[t] = (x > 0 ? 1 : z) / (1 + z) - true_shares[t];
    }
    for (ptrdiff_t first = 0; first < columns; first += TILE_COLUMNS) {
        const ptrdiff_t width = columns - first < TILE_COLUMNS ? columns - first : TILE_COLUMNS;
        for (ptrdiff_t top = 0; top < rows; top += TILE_ROWS) {
            const ptrdiff_t bottom = top + TILE_ROWS < rows ? top + TILE_ROWS : rows;
            memset(tile_loss, 0, (size_t)width * sizeof(R));
            for (ptrdiff_t p = top; p < bottom; p++)
                NAME(take_sigmoid)(logits + p * columns + first, width, offset, tile_loss);
            for (ptrdiff_t b = 0; b < width; b++) losses[first + b] += tile_loss[b];
        }
    }
    for (ptrdiff_t t = 0; t < num_true; t++)
        logits[(true_classes[t] - start) * columns + true_columns[t]] = PUT(true_errors[t]);
}
