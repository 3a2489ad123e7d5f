//! The arithmetic of a transformer on plain `f32` slices: matrix product, layer norm, GELU, softmax.
//!
//! Everything here works on row-major slices; the matrix product is that of the `gemm` crate. Nothing here allocates
//! or knows a model.

/// A matrix as a window onto a slice: row `r`, column `c` is at `r * row_stride + c`.
#[derive(Clone, Copy)]
pub(crate) struct Matrix<'a> {
    pub(crate) data: &'a [f32],
    pub(crate) rows: usize,
    pub(crate) cols: usize,
    pub(crate) row_stride: usize,
}

/// A [`Matrix`] that is written to.
pub(crate) struct MatrixMut<'a> {
    pub(crate) data: &'a mut [f32],
    pub(crate) rows: usize,
    pub(crate) cols: usize,
    pub(crate) row_stride: usize,
}

/// How the right side of a product is read.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Right {
    AsIs,
    Transposed,
}

/// `out += left · right` if `add`, else `out = left · right`.
///
/// # Panics
/// If the shapes do not fit each other or a window is larger than its slice.
pub(crate) fn multiply(
    out: &mut MatrixMut<'_>,
    left: Matrix<'_>,
    right: Matrix<'_>,
    as_read: Right,
    add: bool,
) {
    let (inner, cols, across, down) = match as_read {
        Right::AsIs => (right.rows, right.cols, 1, right.row_stride),
        Right::Transposed => (right.cols, right.rows, right.row_stride, 1),
    };
    assert!(left.cols == inner && out.rows == left.rows && out.cols == cols, "shapes of a product must fit");
    assert!(fits(left.data.len(), left.rows, left.cols, left.row_stride), "left is larger than its slice");
    assert!(
        fits(right.data.len(), right.rows, right.cols, right.row_stride),
        "right is larger than its slice"
    );
    assert!(fits(out.data.len(), out.rows, out.cols, out.row_stride), "out is larger than its slice");
    #[expect(
        unsafe_code,
        reason = "the vector kernel takes pointers; the asserts above prove every access in bounds"
    )]
    // SAFETY: the three windows lie inside their slices, `out` is borrowed exclusively, strides are in elements.
    unsafe {
        gemm::gemm(
            out.rows,
            out.cols,
            inner,
            out.data.as_mut_ptr(),
            1,
            signed(out.row_stride),
            add,
            left.data.as_ptr(),
            1,
            signed(left.row_stride),
            right.data.as_ptr(),
            signed(across),
            signed(down),
            1.0,
            1.0,
            false,
            false,
            false,
            gemm::Parallelism::None,
        );
    }
}

fn fits(len: usize, rows: usize, cols: usize, row_stride: usize) -> bool {
    rows > 0 && cols > 0 && cols <= row_stride && (rows - 1) * row_stride + cols <= len
}

fn signed(stride: usize) -> isize {
    isize::try_from(stride).expect("a stride is smaller than a slice, and a slice than isize::MAX")
}

/// Each row of `rows` becomes `(row - mean) / sqrt(variance + epsilon) * scale + shift`.
pub(crate) fn layer_norm(rows: &mut [f32], scale: &[f32], shift: &[f32], epsilon: f32) {
    let width = scale.len();
    for row in rows.chunks_exact_mut(width) {
        let mean = sum(row) / width as f32;
        for x in row.iter_mut() {
            *x -= mean;
        }
        let variance = dot(row, row) / width as f32;
        let factor = 1.0 / (variance + epsilon).sqrt();
        for ((x, scale), shift) in row.iter_mut().zip(scale).zip(shift) {
            *x = *x * factor * scale + shift;
        }
    }
}

/// The exact GELU, `x/2 · (1 + erf(x/√2))`, with erf after Abramowitz and Stegun 7.1.26 (absolute error 1.5e-7).
pub(crate) fn gelu(values: &mut [f32]) {
    for x in values {
        let a = x.abs() * std::f32::consts::FRAC_1_SQRT_2;
        let t = 1.0 / (1.0 + 0.327_591_1 * a);
        let poly = 1.061_405_4 * t - 1.453_152_1;
        let poly = poly * t + 1.421_413_8;
        let poly = poly * t - 0.284_496_74;
        let poly = (poly * t + 0.254_829_6) * t;
        let erf = (1.0 - poly * exp(-a * a)).copysign(*x);
        *x = 0.5 * *x * (1.0 + erf);
    }
}

/// Each row of length `width` becomes `exp(factor · x)` over its sum.
pub(crate) fn softmax(rows: &mut [f32], width: usize, factor: f32) {
    for row in rows.chunks_exact_mut(width) {
        let top = max(row);
        for x in row.iter_mut() {
            *x = exp((*x - top) * factor);
        }
        let total = 1.0 / sum(row);
        for x in row.iter_mut() {
            *x *= total;
        }
    }
}

/// `e^x` for x ≤ 0 and moderately above, relative error below 3e-7 (polynomial of the Cephes library). Branch-free,
/// so that loops over it are vectorised; below -87 it stays at `e^-87`.
fn exp(x: f32) -> f32 {
    // Adding 1.5 · 2^23 rounds to a whole number and leaves it in the low bits of the mantissa.
    const ROUND: f32 = 12_582_912.0;
    let x = x.clamp(-87.0, 88.0);
    let shifted = x * std::f32::consts::LOG2_E + ROUND;
    let n = shifted - ROUND;
    // ln 2 in two parts: the first has few bits, so its product with n is exact.
    let r = x - n * 0.693_359_4 - n * -2.121_944_4e-4;
    let poly = 1.987_569_1e-4 * r + 1.398_2e-3;
    let poly = poly * r + 8.333_452e-3;
    let poly = poly * r + 4.166_579_6e-2;
    let poly = poly * r + 1.666_666_5e-1;
    let poly = poly * r + 0.5;
    let mantissa = poly * r * r + r + 1.0;
    mantissa * f32::from_bits((shifted.to_bits() << 23).wrapping_add(1.0_f32.to_bits()))
}

/// Eight running results side by side: floating-point sums may not be reordered, so the compiler needs to be told.
const LANES: usize = 8;

fn reduce(values: &[f32], start: f32, step: impl Fn(f32, f32) -> f32) -> f32 {
    let mut lanes = [start; LANES];
    let (chunks, rest) = values.as_chunks::<LANES>();
    for chunk in chunks {
        for (lane, x) in lanes.iter_mut().zip(chunk) {
            *lane = step(*lane, *x);
        }
    }
    lanes.into_iter().chain(rest.iter().copied()).fold(start, step)
}

fn sum(values: &[f32]) -> f32 {
    reduce(values, 0.0, |a, b| a + b)
}

fn max(values: &[f32]) -> f32 {
    reduce(values, f32::NEG_INFINITY, |a, b| if b > a { b } else { a })
}

fn dot(left: &[f32], right: &[f32]) -> f32 {
    let mut lanes = [0.0; LANES];
    let ((left, left_rest), (right, right_rest)) = (left.as_chunks::<LANES>(), right.as_chunks::<LANES>());
    for (left, right) in left.iter().zip(right) {
        for ((lane, l), r) in lanes.iter_mut().zip(left).zip(right) {
            *lane += l * r;
        }
    }
    sum(&lanes) + left_rest.iter().zip(right_rest).map(|(l, r)| l * r).sum::<f32>()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(actual: &[f32], expected: &[f32], tolerance: f32) {
        assert_eq!(actual.len(), expected.len());
        for (a, e) in actual.iter().zip(expected) {
            assert!((a - e).abs() <= tolerance, "{actual:?} is not {expected:?}");
        }
    }

    #[test]
    fn the_exponential_is_within_three_ten_millionths() {
        for step in 0..20_000 {
            let x = -80.0 + f32::from(u16::try_from(step).unwrap()) * 0.0045;
            let exact = f64::from(x).exp();
            assert!(((f64::from(exp(x)) - exact) / exact).abs() < 3e-7, "exp({x}) = {}", exp(x));
        }
    }

    #[test]
    fn gelu_has_its_known_values() {
        let mut values = [-10.0, -1.0, 0.0, 1.0, 10.0];
        gelu(&mut values);
        close(&values, &[0.0, -0.158_655_25, 0.0, 0.841_344_7, 10.0], 3e-7);
    }

    #[test]
    fn a_softmax_row_sums_to_one_and_survives_large_scores() {
        let mut rows = [1000.0, 1000.0, -1000.0, 0.0, 2.0_f32.ln(), 5.0_f32.ln()];
        softmax(&mut rows, 3, 1.0);
        close(&rows, &[0.5, 0.5, 0.0, 0.125, 0.25, 0.625], 1e-6);
    }

    #[test]
    fn products_read_windows_of_wider_matrices() {
        let left = Matrix { data: &[1.0, 2.0, 9.0, 3.0, 4.0], rows: 2, cols: 2, row_stride: 3 };
        let right = Matrix { data: &[5.0, 6.0, 7.0, 8.0], rows: 2, cols: 2, row_stride: 2 };
        let mut out = [1.0; 4];
        let mut window = MatrixMut { data: &mut out, rows: 2, cols: 2, row_stride: 2 };
        multiply(&mut window, left, right, Right::AsIs, false);
        close(window.data, &[19.0, 22.0, 43.0, 50.0], 0.0);
        multiply(&mut window, left, right, Right::Transposed, true);
        close(window.data, &[36.0, 45.0, 82.0, 103.0], 0.0);
    }

    #[test]
    #[should_panic(expected = "larger than its slice")]
    fn a_product_beyond_a_slice_is_refused() {
        let right = Matrix { data: &[1.0; 3], rows: 2, cols: 2, row_stride: 2 };
        let left = Matrix { data: &[1.0; 4], rows: 2, cols: 2, row_stride: 2 };
        let mut out = MatrixMut { data: &mut [0.0; 4], rows: 2, cols: 2, row_stride: 2 };
        multiply(&mut out, left, right, Right::AsIs, false);
    }

    #[test]
    fn layer_norm_centres_and_scales_each_row() {
        let mut rows = [1.0, 3.0, 10.0, 10.0];
        layer_norm(&mut rows, &[2.0, 2.0], &[0.5, 0.5], 1e-12);
        close(&rows, &[-1.5, 2.5, 0.5, 0.5], 1e-6);
    }
}
