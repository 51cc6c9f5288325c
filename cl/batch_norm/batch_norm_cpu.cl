/* Batch norm, variant cpu: a work-item takes a stripe of columns of one group and goes over its rows
 * three times, of which the second and third find them in its core's cache. A stripe is narrow
 * enough for that and for sums in registers, and wide enough that rows are read by whole lines.
 *
 * Built with C columns in stripes of STRIPE vectors; the last one takes what is left, from one vector
 * on, and its last vector ends where the row does: neighbours never write the same column. A row is
 * read whole before any of it is written, because y and x may be the same storage. RELU, AHEAD. */
#define EPSILON 1e-5f
#define MOMENTUM 0.1f
#define UNROLL _Pragma("unroll")
#define INLINE static inline __attribute__((always_inline))

#define WHOLE (STRIPE * VEC)
#define STRIPES (C < WHOLE ? 1 : C / WHOLE + (C % WHOLE >= VEC))
#define LAST_COLUMNS (C - (STRIPES - 1) * WHOLE)
#define LAST ((LAST_COLUMNS + VEC - 1) / VEC) /* vectors */
#define MOST (STRIPE + 1)

/* Column of vector k of a stripe of `count` vectors: only the last stripe may have an odd width. */
#define AT(k) (count == STRIPE && !last ? (k)*VEC : min((k)*VEC, LAST_COLUMNS - VEC))

INLINE floatv activated(floatv y) { return RELU && y < 0.0f ? (floatv)(0.0f) : y; }

/* Rows are far apart, and no hardware looks ahead across pages. */
INLINE void ask_for(__global const real *row, int columns)
{
#if AHEAD > 0
    for (int c = 0; c < columns; c += 64 / sizeof(real))
        __builtin_prefetch((const void *)(size_t)(row + c), 0, 3);
#endif
}
