//! Plain Rust for processors without any of the other instruction sets, and the measure of these in tests.

#![expect(clippy::inline_always, reason = "each of these is a part of a loop")]

use super::{Simd, Work};

/// No special instruction at all.
#[derive(Clone, Copy)]
pub(crate) struct Scalar;

const LANES: usize = 4;

#[inline(always)]
fn each(a: [f32; LANES], b: [f32; LANES], f: impl Fn(f32, f32) -> f32) -> [f32; LANES] {
    std::array::from_fn(|i| f(a[i], b[i]))
}

impl Simd for Scalar {
    const LANES: usize = LANES;
    const ROWS: usize = 4;
    type Floats = [f32; LANES];
    type Sums = [i32; LANES];
    type Weights = [[i8; 4]; LANES];
    type Codes = [u8; 4];

    fn run<W: Work>(self, work: W) -> W::Output {
        work.run(self)
    }

    #[inline(always)]
    fn splat(self, x: f32) -> [f32; LANES] {
        [x; LANES]
    }
    #[inline(always)]
    fn load(self, from: &[f32]) -> [f32; LANES] {
        *from.first_chunk().expect("a whole vector")
    }
    #[inline(always)]
    fn store(self, x: [f32; LANES], to: &mut [f32]) {
        *to.first_chunk_mut().expect("a whole vector") = x;
    }
    #[inline(always)]
    fn add(self, a: [f32; LANES], b: [f32; LANES]) -> [f32; LANES] {
        each(a, b, |a, b| a + b)
    }
    #[inline(always)]
    fn sub(self, a: [f32; LANES], b: [f32; LANES]) -> [f32; LANES] {
        each(a, b, |a, b| a - b)
    }
    #[inline(always)]
    fn mul(self, a: [f32; LANES], b: [f32; LANES]) -> [f32; LANES] {
        each(a, b, |a, b| a * b)
    }
    #[inline(always)]
    fn div(self, a: [f32; LANES], b: [f32; LANES]) -> [f32; LANES] {
        each(a, b, |a, b| a / b)
    }
    #[inline(always)]
    fn min(self, a: [f32; LANES], b: [f32; LANES]) -> [f32; LANES] {
        each(a, b, |a, b| if a < b { a } else { b })
    }
    #[inline(always)]
    fn max(self, a: [f32; LANES], b: [f32; LANES]) -> [f32; LANES] {
        each(a, b, |a, b| if a > b { a } else { b })
    }
    #[inline(always)]
    fn mul_add(self, a: [f32; LANES], b: [f32; LANES], c: [f32; LANES]) -> [f32; LANES] {
        // Not `f32::mul_add`, which is a call of a function where there is no such instruction.
        self.add(self.mul(a, b), c)
    }
    #[inline(always)]
    fn power_of_two(self, n: [f32; LANES]) -> [f32; LANES] {
        // Adding 1.5 · 2^23 leaves a whole number in the low bits of the mantissa; the shift makes it the exponent.
        n.map(|n| f32::from_bits(((n + 12_582_912.0).to_bits() << 23).wrapping_add(1.0_f32.to_bits())))
    }
    #[inline(always)]
    fn sum_of(self, x: [f32; LANES]) -> f32 {
        (x[0] + x[2]) + (x[1] + x[3])
    }
    #[inline(always)]
    fn min_of(self, x: [f32; LANES]) -> f32 {
        x.into_iter().fold(f32::INFINITY, f32::min)
    }
    #[inline(always)]
    fn max_of(self, x: [f32; LANES]) -> f32 {
        x.into_iter().fold(f32::NEG_INFINITY, f32::max)
    }
    #[inline(always)]
    fn store_bytes(self, x: [f32; LANES], to: &mut [u8]) {
        // After adding 2^23 the low byte of the mantissa is the rounded number.
        *to.first_chunk_mut().expect("a whole vector") =
            x.map(|x| (x + 8_388_608.0).to_bits().to_le_bytes()[0]);
    }

    #[inline(always)]
    fn no_sums(self) -> [i32; LANES] {
        [0; LANES]
    }
    #[inline(always)]
    fn weights(self, from: &[[i8; 4]]) -> [[i8; 4]; LANES] {
        *from.first_chunk().expect("a whole vector")
    }
    #[inline(always)]
    fn codes(self, codes: [u8; 4]) -> [u8; 4] {
        codes
    }
    #[inline(always)]
    fn dot(self, sums: [i32; LANES], codes: [u8; 4], weights: [[i8; 4]; LANES]) -> [i32; LANES] {
        std::array::from_fn(|column| {
            codes
                .into_iter()
                .zip(weights[column])
                .fold(sums[column], |sum, (code, weight)| sum + i32::from(code) * i32::from(weight))
        })
    }
    #[inline(always)]
    fn floats(self, sums: [i32; LANES]) -> [f32; LANES] {
        sums.map(|sum| sum as f32)
    }
}
