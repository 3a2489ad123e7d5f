//! Exponential, GELU and layer norm on vectors of `f32`, written once for all instruction sets.
//!
//! Nothing here allocates or knows a model.

#![expect(clippy::inline_always, reason = "what is not inlined into a `Work` loses its vector instructions")]

use crate::simd::{Simd, Work};

/// `e^x` for x ≤ 0 and moderately above, relative error below 3e-7 (polynomial of the Cephes library); below -87 it
/// stays at `e^-87`.
#[inline(always)]
pub(crate) fn exp<S: Simd>(simd: S, x: S::Floats) -> S::Floats {
    // Adding and taking away 1.5 · 2^23 rounds to a whole number.
    const ROUND: f32 = 12_582_912.0;
    let number = |x| simd.splat(x);
    let x = simd.min(simd.max(x, number(-87.0)), number(88.0));
    let n = simd.mul_add(x, number(std::f32::consts::LOG2_E), number(ROUND));
    let n = simd.sub(n, number(ROUND));
    // ln 2 in two parts: the first has few bits, so its product with n is exact.
    let r = simd.mul_add(n, number(-0.693_359_4), x);
    let r = simd.mul_add(n, number(2.121_944_4e-4), r);
    let poly = simd.mul_add(number(1.987_569_1e-4), r, number(1.398_2e-3));
    let poly = simd.mul_add(poly, r, number(8.333_452e-3));
    let poly = simd.mul_add(poly, r, number(4.166_579_6e-2));
    let poly = simd.mul_add(poly, r, number(1.666_666_5e-1));
    let poly = simd.mul_add(poly, r, number(0.5));
    let mantissa = simd.add(simd.mul_add(poly, simd.mul(r, r), r), number(1.0));
    simd.mul(mantissa, simd.power_of_two(n))
}

/// The exact GELU, `x/2 · (1 + erf(x/√2))`, with erf after Abramowitz and Stegun 7.1.26 (absolute error 1.5e-7).
#[inline(always)]
pub(crate) fn gelu<S: Simd>(simd: S, x: S::Floats) -> S::Floats {
    let number = |x| simd.splat(x);
    let size = simd.max(x, simd.sub(number(0.0), x));
    let a = simd.mul(size, number(std::f32::consts::FRAC_1_SQRT_2));
    let t = simd.div(number(1.0), simd.mul_add(a, number(0.327_591_1), number(1.0)));
    let poly = simd.mul_add(number(1.061_405_4), t, number(-1.453_152_1));
    let poly = simd.mul_add(poly, t, number(1.421_413_8));
    let poly = simd.mul_add(poly, t, number(-0.284_496_74));
    let poly = simd.mul(simd.mul_add(poly, t, number(0.254_829_6)), t);
    let tail = simd.mul(poly, exp(simd, simd.sub(number(0.0), simd.mul(a, a))));
    // x · erf(x/√2) is even in x: the sign of x need not be carried around.
    let even = simd.mul(size, simd.sub(number(1.0), tail));
    simd.mul(number(0.5), simd.add(x, even))
}

/// Scale and shift of a layer norm.
pub(crate) struct Norm {
    pub(crate) scale: Vec<f32>,
    pub(crate) shift: Vec<f32>,
}

/// Each row becomes `(row - mean) / sqrt(variance + epsilon) · scale + shift`.
pub(crate) struct LayerNorm<'a> {
    /// As many as a row is wide: a multiple of the vector length.
    pub(crate) norm: &'a Norm,
    pub(crate) epsilon: f32,
    pub(crate) rows: &'a mut [f32],
}

impl Work for LayerNorm<'_> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self, simd: S) {
        let Norm { scale, shift } = self.norm;
        for row in self.rows.chunks_exact_mut(scale.len()) {
            let mean = simd.splat(mean(simd, row, |x| x));
            let variance = self::mean(simd, row, |x| {
                let x = simd.sub(x, mean);
                simd.mul(x, x)
            });
            let factor = simd.splat(1.0 / (variance + self.epsilon).sqrt());
            for vector in 0..row.len() / S::LANES {
                let at = vector * S::LANES;
                let x = simd.mul(simd.sub(simd.load(&row[at..]), mean), factor);
                let x = simd.mul_add(x, simd.load(&scale[at..]), simd.load(&shift[at..]));
                simd.store(x, &mut row[at..]);
            }
        }
    }
}

#[inline(always)]
fn mean<S: Simd>(simd: S, row: &[f32], each: impl Fn(S::Floats) -> S::Floats) -> f32 {
    let mut sums = [simd.splat(0.0); 2];
    for vector in 0..row.len() / S::LANES {
        // Two sums, so that an addition need not wait for the one before.
        sums[vector % 2] = simd.add(sums[vector % 2], each(simd.load(&row[vector * S::LANES..])));
    }
    simd.sum_of(simd.add(sums[0], sums[1])) / row.len() as f32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::simd::Isa;

    /// A function applied to numbers whose count is a multiple of any vector length.
    struct Each<'a, F>(&'a mut [f32], F);

    trait Function {
        fn of<S: Simd>(&self, simd: S, x: S::Floats) -> S::Floats;
    }

    struct Exp;
    impl Function for Exp {
        #[inline(always)]
        fn of<S: Simd>(&self, simd: S, x: S::Floats) -> S::Floats {
            exp(simd, x)
        }
    }

    struct Gelu;
    impl Function for Gelu {
        #[inline(always)]
        fn of<S: Simd>(&self, simd: S, x: S::Floats) -> S::Floats {
            gelu(simd, x)
        }
    }

    impl<F: Function> Work for Each<'_, F> {
        type Output = ();

        #[inline(always)]
        fn run<S: Simd>(self, simd: S) {
            for part in self.0.chunks_exact_mut(S::LANES) {
                simd.store(self.1.of(simd, simd.load(part)), part);
            }
        }
    }

    #[test]
    fn the_exponential_is_within_three_ten_millionths_everywhere() {
        let arguments: Vec<f32> = (0_u16..20_000).map(|step| -80.0 + f32::from(step) * 0.0045).collect();
        for isa in Isa::all() {
            let mut values = arguments.clone();
            isa.run(Each(&mut values, Exp));
            for (x, value) in arguments.iter().zip(values) {
                let exact = f64::from(*x).exp();
                assert!(
                    ((f64::from(value) - exact) / exact).abs() < 3e-7,
                    "{}: exp({x}) = {value}",
                    isa.name()
                );
            }
        }
    }

    #[test]
    fn gelu_has_its_known_values_everywhere() {
        let expected = [0.0, -0.158_655_25, 0.0, 0.841_344_7, 10.0, 1e4, 0.0, 0.345_731_2];
        for isa in Isa::all() {
            let mut values = [-10.0, -1.0, 0.0, 1.0, 10.0, 1e4, -1e4, 0.5].repeat(2);
            isa.run(Each(&mut values, Gelu));
            for (value, expected) in values.iter().zip(expected.repeat(2)) {
                assert!((value - expected).abs() < 3e-7, "{}: {value} is not {expected}", isa.name());
            }
        }
    }

    #[test]
    fn layer_norm_centres_and_scales_each_row_everywhere() {
        let norm = Norm { scale: vec![2.0; 16], shift: vec![0.5; 16] };
        for isa in Isa::all() {
            let mut rows = [[1.0, 3.0].repeat(8), vec![10.0; 16]].concat();
            isa.run(LayerNorm { norm: &norm, epsilon: 1e-12, rows: &mut rows });
            let expected = [[-1.5, 2.5].repeat(8), vec![0.5; 16]].concat();
            for (value, expected) in rows.iter().zip(expected) {
                assert!((value - expected).abs() < 1e-6, "{}: {value} is not {expected}", isa.name());
            }
        }
    }
}
