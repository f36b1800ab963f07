/* Elementwise work of the softmax heads, fused so that a block of logits is read from cache once.
 *
 * A block has one row per class and one column per example: logits[p * columns + b]. Whatever is summed over
 * classes is then a row operation over independent columns, which compilers turn into vector instructions
 * without reordering a sum. Matrix products stay with the BLAS: it runs at the peak of the processor.
 *
 * Plain C11, no intrinsics: compiled for the processor at hand at first use (load.py).
 */

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define TILE_ROWS 32 /* 32 x 256 floats are 32 KiB: a tile stays in the first-level cache */
#define TILE_COLUMNS 256
#define NOINLINE __attribute__((noinline))

static inline float from_bits(uint32_t bits) { float x; memcpy(&x, &bits, 4); return x; }
static inline uint32_t to_bits(float x) { uint32_t bits; memcpy(&bits, &x, 4); return bits; }

/* exp of x <= 0. Below -87 the result stays 1.6e-38 instead of 0: among millions of classes nearly every
 * probability underflows, and denormals are slow.
 * Source: Cephes Math Library (Moshier), expf: reduction by ln 2 in two parts, polynomial on +-ln(2)/2. */
static inline float exp_float(float x)
{
    x = x < -87.0f ? -87.0f : x;
    const float n = rintf(x * 1.44269504088896341f);
    x = fmaf(n, -0.693359375f, x);
    x = fmaf(n, 2.12194440e-4f, x);
    float y = 1.9875691500e-4f;
    y = fmaf(y, x, 1.3981999507e-3f);
    y = fmaf(y, x, 8.3334519073e-3f);
    y = fmaf(y, x, 4.1665795894e-2f);
    y = fmaf(y, x, 1.6666665459e-1f);
    y = fmaf(y, x, 5.0000001201e-1f);
    y = fmaf(y, x * x, x + 1.0f);
    return from_bits(to_bits(y) + ((uint32_t)(int32_t)n << 23));
}
static inline double exp_double(double x) { return exp(x < -700.0 ? -700.0 : x); }

/* log(1 + z) for z in (0, 1], by the series of atanh in s = z / (2 + z) <= 1/3: error below 1e-8.
 * Source: Abramowitz & Stegun 4.1.27, log((1 + s) / (1 - s)) = 2 (s + s^3/3 + s^5/5 + ...). */
static inline float log1p_float(float z)
{
    const float s = z / (2.0f + z), q = s * s;
    float y = 1.0f / 15.0f;
    y = fmaf(y, q, 1.0f / 13.0f);
    y = fmaf(y, q, 1.0f / 11.0f);
    y = fmaf(y, q, 1.0f / 9.0f);
    y = fmaf(y, q, 1.0f / 7.0f);
    y = fmaf(y, q, 1.0f / 5.0f);
    y = fmaf(y, q, 1.0f / 3.0f);
    return 2.0f * s * fmaf(y, q, 1.0f);
}

static inline float get_bfloat16(uint16_t x) { return from_bits((uint32_t)x << 16); }
/* To nearest, ties to even; class vectors and errors are finite, so NaN needs no case of its own. */
static inline uint16_t put_bfloat16(float x)
{
    const uint32_t bits = to_bits(x);
    return (uint16_t)((bits + 0x7FFFu + ((bits >> 16) & 1u)) >> 16);
}
/* Up or down such that it is x on average: of the 16 bits cut off, as many chances to round up. */
static inline uint16_t put_stochastic(float x, uint32_t random)
{
    return (uint16_t)((to_bits(x) + (random & 0xFFFFu)) >> 16);
}
/* 32 well-mixed bits. Source: Wellons, "Prospecting for Hash Functions" (2018), lowbias32. */
static inline uint32_t mix(uint32_t x)
{
    x = (x ^ (x >> 16)) * 0x7feb352du;
    x = (x ^ (x >> 15)) * 0x846ca68bu;
    return x ^ (x >> 16);
}

#define AS_IT_IS(x) (x)

#define T float
#define R float
#define NAME(f) f##_float32
#define GET AS_IT_IS
#define PUT AS_IT_IS
#define EXP exp_float
#define LOG1P log1p_float
#include "block.h"
#undef T
#undef NAME
#undef GET
#undef PUT

#define T uint16_t
#define NAME(f) f##_bfloat16
#define GET get_bfloat16
#define PUT put_bfloat16
#include "block.h"
#undef T
#undef R
#undef NAME
#undef GET
#undef PUT
#undef EXP
#undef LOG1P

#define T double
#define R double
#define NAME(f) f##_float64
#define GET AS_IT_IS
#define PUT AS_IT_IS
#define EXP exp_double
#define LOG1P log1p
#include "block.h"

/* w <- (1 - decay) w - rate g for n values. */
void update_float32(float *restrict w, const float *restrict g, ptrdiff_t n, float rate, float decay)
{
    const float keep = 1.0f - decay;
    for (ptrdiff_t i = 0; i < n; i++) w[i] = keep * w[i] - rate * g[i];
}

void update_float64(double *restrict w, const double *restrict g, ptrdiff_t n, double rate, double decay)
{
    const double keep = 1.0 - decay;
    for (ptrdiff_t i = 0; i < n; i++) w[i] = keep * w[i] - rate * g[i];
}

/* The same on bfloat16 values with a bfloat16 gradient, rounded to nearest. */
void update_nearest(uint16_t *restrict w, const uint16_t *restrict g, ptrdiff_t n, float rate, float decay)
{
    const float keep = 1.0f - decay;
    for (ptrdiff_t i = 0; i < n; i++) w[i] = put_bfloat16(keep * get_bfloat16(w[i]) - rate * get_bfloat16(g[i]));
}

/* Rounded up or down at random, by nothing but (key, place + i). */
void update_stochastic(uint16_t *restrict w, const uint16_t *restrict g, ptrdiff_t n, float rate, float decay,
                       uint32_t key, uint32_t place)
{
    const float keep = 1.0f - decay;
    key = mix(key) + place; /* neighbouring keys must not draw the same numbers one place further */
    for (ptrdiff_t i = 0; i < n; i++)
        w[i] = put_stochastic(keep * get_bfloat16(w[i]) - rate * get_bfloat16(g[i]), mix((uint32_t)i + key));
}

/* Kahan summation: what rounding takes away is kept in a second bfloat16 and given back by the next step.
 * Source: Kahan, CACM 8 (1965); for bfloat16 training: Zamirai et al., "Revisiting BFloat16 Training", 2020. */
void update_kahan(uint16_t *restrict w, const uint16_t *restrict g, uint16_t *restrict lost, ptrdiff_t n,
                  float rate, float decay)
{
    for (ptrdiff_t i = 0; i < n; i++) {
        const float old = get_bfloat16(w[i]);
        const float step = -decay * old - rate * get_bfloat16(g[i]) + get_bfloat16(lost[i]);
        const uint16_t rounded = put_bfloat16(old + step);
        lost[i] = put_bfloat16(step - (get_bfloat16(rounded) - old));
        w[i] = rounded;
    }
}
