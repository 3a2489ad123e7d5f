//! AVX2 with FMA, and the same with VNNI (AVX-VNNI): they differ in the integer product alone.
//!
//! The byte product of AVX2 (`maddubs`) saturates at 16 bits, so without VNNI bytes are widened to 16 bits first:
//! two exact products of pairs instead of one of four.

#![expect(clippy::inline_always, reason = "each of these is an instruction or two")]
#![expect(unsafe_code, reason = "instructions that not every processor has")]

use std::arch::x86_64::{
    __m256, __m256i, _mm_packus_epi16, _mm_packus_epi32, _mm_storel_epi64, _mm256_add_epi32, _mm256_add_ps,
    _mm256_and_si256, _mm256_castsi256_ps, _mm256_castsi256_si128, _mm256_cvtepi32_ps, _mm256_cvtps_epi32,
    _mm256_div_ps, _mm256_dpbusd_avx_epi32, _mm256_extracti128_si256, _mm256_fmadd_ps, _mm256_loadu_ps,
    _mm256_loadu_si256, _mm256_madd_epi16, _mm256_max_ps, _mm256_min_ps, _mm256_mul_ps, _mm256_set1_epi32,
    _mm256_set1_ps, _mm256_setzero_si256, _mm256_slli_epi16, _mm256_slli_epi32, _mm256_srai_epi16,
    _mm256_srli_epi16, _mm256_storeu_ps, _mm256_sub_ps,
};

use super::{Simd, Work};

/// AVX2 and FMA: nearly every x86-64 processor since 2015.
#[derive(Clone, Copy)]
pub(crate) struct Avx2(());

/// These and AVX-VNNI: desktop processors since 2021.
#[derive(Clone, Copy)]
pub(crate) struct AvxVnni(());

const LANES: usize = 8;

impl Avx2 {
    /// It, if the processor has it.
    pub(crate) fn detect() -> Option<Self> {
        (is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma")).then_some(Self(()))
    }
}

impl AvxVnni {
    /// It, if the processor has it.
    pub(crate) fn detect() -> Option<Self> {
        (Avx2::detect().is_some() && is_x86_feature_detected!("avxvnni")).then_some(Self(()))
    }
}

#[inline(always)]
fn load_weights(_: Avx2, from: &[[i8; 4]]) -> __m256i {
    let from: &[[i8; 4]; LANES] = from.first_chunk().expect("a whole vector");
    // SAFETY: see at `implement`; the load is unaligned.
    unsafe { _mm256_loadu_si256(from.as_ptr().cast()) }
}

/// Bytes as 16-bit numbers: those at even places, those at odd places.
#[inline(always)]
fn widened(_: Avx2, weights: __m256i) -> [__m256i; 2] {
    // SAFETY: see at `implement`.
    unsafe { [_mm256_srai_epi16::<8>(_mm256_slli_epi16::<8>(weights)), _mm256_srai_epi16::<8>(weights)] }
}

/// The lanes combined in pairs, and these in pairs.
#[inline(always)]
fn fold(x: [f32; LANES], f: impl Fn(f32, f32) -> f32) -> f32 {
    let x: [f32; 4] = std::array::from_fn(|i| f(x[i], x[i + 4]));
    f(f(x[0], x[2]), f(x[1], x[3]))
}

// SAFETY, for every block in this file: only `detect` makes a value of these types, so the processor has these
// instructions; what is loaded or stored is a reference to a whole vector.
macro_rules! implement {
    ($name:ident, $features:literal, rows $rows:literal, weights $weights:ty, codes $codes:ty, $($product:item)*) => {
        impl Simd for $name {
            const LANES: usize = LANES;
            const ROWS: usize = $rows;
            type Floats = __m256;
            type Sums = __m256i;
            type Weights = $weights;
            type Codes = $codes;

            fn run<W: Work>(self, work: W) -> W::Output {
                #[target_feature(enable = $features)]
                fn vectorised<W: Work>(simd: $name, work: W) -> W::Output {
                    work.run(simd)
                }
                // SAFETY: see above.
                unsafe { vectorised(self, work) }
            }

            #[inline(always)]
            fn splat(self, x: f32) -> __m256 {
                // SAFETY: see above.
                unsafe { _mm256_set1_ps(x) }
            }
            #[inline(always)]
            fn load(self, from: &[f32]) -> __m256 {
                let from: &[f32; LANES] = from.first_chunk().expect("a whole vector");
                // SAFETY: see above.
                unsafe { _mm256_loadu_ps(from.as_ptr()) }
            }
            #[inline(always)]
            fn store(self, x: __m256, to: &mut [f32]) {
                let to: &mut [f32; LANES] = to.first_chunk_mut().expect("a whole vector");
                // SAFETY: see above.
                unsafe { _mm256_storeu_ps(to.as_mut_ptr(), x) }
            }
            #[inline(always)]
            fn add(self, a: __m256, b: __m256) -> __m256 {
                // SAFETY: see above.
                unsafe { _mm256_add_ps(a, b) }
            }
            #[inline(always)]
            fn sub(self, a: __m256, b: __m256) -> __m256 {
                // SAFETY: see above.
                unsafe { _mm256_sub_ps(a, b) }
            }
            #[inline(always)]
            fn mul(self, a: __m256, b: __m256) -> __m256 {
                // SAFETY: see above.
                unsafe { _mm256_mul_ps(a, b) }
            }
            #[inline(always)]
            fn div(self, a: __m256, b: __m256) -> __m256 {
                // SAFETY: see above.
                unsafe { _mm256_div_ps(a, b) }
            }
            #[inline(always)]
            fn min(self, a: __m256, b: __m256) -> __m256 {
                // SAFETY: see above.
                unsafe { _mm256_min_ps(a, b) }
            }
            #[inline(always)]
            fn max(self, a: __m256, b: __m256) -> __m256 {
                // SAFETY: see above.
                unsafe { _mm256_max_ps(a, b) }
            }
            #[inline(always)]
            fn mul_add(self, a: __m256, b: __m256, c: __m256) -> __m256 {
                // SAFETY: see above.
                unsafe { _mm256_fmadd_ps(a, b, c) }
            }
            #[inline(always)]
            fn power_of_two(self, n: __m256) -> __m256 {
                // SAFETY: see above.
                unsafe {
                    let exponent = _mm256_add_epi32(_mm256_cvtps_epi32(n), _mm256_set1_epi32(127));
                    _mm256_castsi256_ps(_mm256_slli_epi32::<23>(exponent))
                }
            }
            #[inline(always)]
            fn sum_of(self, x: __m256) -> f32 {
                let mut lanes = [0.0; LANES];
                self.store(x, &mut lanes);
                fold(lanes, |a, b| a + b)
            }
            #[inline(always)]
            fn min_of(self, x: __m256) -> f32 {
                let mut lanes = [0.0; LANES];
                self.store(x, &mut lanes);
                fold(lanes, f32::min)
            }
            #[inline(always)]
            fn max_of(self, x: __m256) -> f32 {
                let mut lanes = [0.0; LANES];
                self.store(x, &mut lanes);
                fold(lanes, f32::max)
            }
            #[inline(always)]
            fn store_bytes(self, x: __m256, to: &mut [u8]) {
                let to: &mut [u8; LANES] = to.first_chunk_mut().expect("a whole vector");
                // SAFETY: see above; the store is unaligned and eight bytes wide.
                unsafe {
                    let whole = _mm256_cvtps_epi32(x);
                    let (low, high) = (_mm256_castsi256_si128(whole), _mm256_extracti128_si256::<1>(whole));
                    let words = _mm_packus_epi32(low, high);
                    _mm_storel_epi64(to.as_mut_ptr().cast(), _mm_packus_epi16(words, words));
                }
            }

            #[inline(always)]
            fn no_sums(self) -> __m256i {
                // SAFETY: see above.
                unsafe { _mm256_setzero_si256() }
            }
            #[inline(always)]
            fn floats(self, sums: __m256i) -> __m256 {
                // SAFETY: see above.
                unsafe { _mm256_cvtepi32_ps(sums) }
            }
            $(#[inline(always)] $product)*
        }
    };
}

implement!(
    Avx2, "avx2,fma", rows 4, weights [__m256i; 2], codes [__m256i; 2],

    fn weights(self, from: &[[i8; 4]]) -> [__m256i; 2] {
        widened(self, load_weights(self, from))
    }

    fn codes(self, codes: [u8; 4]) -> [__m256i; 2] {
        // SAFETY: see above.
        unsafe {
            let codes = _mm256_set1_epi32(i32::from_le_bytes(codes));
            [_mm256_and_si256(codes, _mm256_set1_epi32(0x00ff_00ff)), _mm256_srli_epi16::<8>(codes)]
        }
    }

    fn dot(self, sums: __m256i, codes: [__m256i; 2], weights: [__m256i; 2]) -> __m256i {
        // SAFETY: see above.
        unsafe {
            let even = _mm256_madd_epi16(codes[0], weights[0]);
            let odd = _mm256_madd_epi16(codes[1], weights[1]);
            _mm256_add_epi32(sums, _mm256_add_epi32(even, odd))
        }
    }
);

implement!(
    AvxVnni, "avx2,fma,avxvnni", rows 6, weights __m256i, codes __m256i,

    fn weights(self, from: &[[i8; 4]]) -> __m256i {
        load_weights(Avx2(()), from)
    }

    fn codes(self, codes: [u8; 4]) -> __m256i {
        // SAFETY: see above.
        unsafe { _mm256_set1_epi32(i32::from_le_bytes(codes)) }
    }

    fn dot(self, sums: __m256i, codes: __m256i, weights: __m256i) -> __m256i {
        // SAFETY: see above.
        unsafe { _mm256_dpbusd_avx_epi32(sums, codes, weights) }
    }
);
