//! NEON: every 64-bit ARM processor.
//!
//! Its product of signed with unsigned bytes is an extension that not all have, so bytes are widened to 16 bits, where
//! a product of them (at most 255 · 127) still fits, and added in pairs.

#![expect(clippy::inline_always, reason = "each of these is an instruction or two")]
#![expect(unsafe_code, reason = "instructions that not every processor has")]

use std::arch::aarch64::{
    float32x4_t, int16x8_t, int32x4_t, vaddq_f32, vaddq_s32, vaddvq_f32, vcvtnq_s32_f32, vcvtnq_u32_f32,
    vcvtq_f32_s32, vdivq_f32, vdup_n_u32, vdupq_n_f32, vdupq_n_s32, vfmaq_f32, vget_high_s8, vget_low_s8,
    vld1q_f32, vld1q_s8, vmaxq_f32, vmaxvq_f32, vminq_f32, vminvq_f32, vmovl_s8, vmovl_u8, vmulq_f32,
    vmulq_s16, vpadalq_s16, vpaddq_s32, vreinterpret_u8_u32, vreinterpretq_f32_s32, vreinterpretq_s16_u16,
    vshlq_n_s32, vst1q_f32, vst1q_u32, vsubq_f32,
};

use super::{Simd, Work};

/// NEON.
#[derive(Clone, Copy)]
pub(crate) struct Neon(());

const LANES: usize = 4;

impl Neon {
    /// It, if the processor has it.
    pub(crate) fn detect() -> Option<Self> {
        std::arch::is_aarch64_feature_detected!("neon").then_some(Self(()))
    }
}

// SAFETY, for every block below: only `detect` makes a `Neon`, so the processor has these instructions; what is
// loaded or stored is a reference to a whole vector.
impl Simd for Neon {
    const LANES: usize = LANES;
    const ROWS: usize = 4;
    type Floats = float32x4_t;
    /// Each column's sum in two parts: columns 0 and 1, columns 2 and 3.
    type Sums = [int32x4_t; 2];
    type Weights = [int16x8_t; 2];
    type Codes = int16x8_t;

    fn run<W: Work>(self, work: W) -> W::Output {
        #[target_feature(enable = "neon")]
        fn vectorised<W: Work>(simd: Neon, work: W) -> W::Output {
            work.run(simd)
        }
        // SAFETY: see above.
        unsafe { vectorised(self, work) }
    }

    #[inline(always)]
    fn splat(self, x: f32) -> float32x4_t {
        // SAFETY: see above.
        unsafe { vdupq_n_f32(x) }
    }
    #[inline(always)]
    fn load(self, from: &[f32]) -> float32x4_t {
        let from: &[f32; LANES] = from.first_chunk().expect("a whole vector");
        // SAFETY: see above.
        unsafe { vld1q_f32(from.as_ptr()) }
    }
    #[inline(always)]
    fn store(self, x: float32x4_t, to: &mut [f32]) {
        let to: &mut [f32; LANES] = to.first_chunk_mut().expect("a whole vector");
        // SAFETY: see above.
        unsafe { vst1q_f32(to.as_mut_ptr(), x) }
    }
    #[inline(always)]
    fn add(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: see above.
        unsafe { vaddq_f32(a, b) }
    }
    #[inline(always)]
    fn sub(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: see above.
        unsafe { vsubq_f32(a, b) }
    }
    #[inline(always)]
    fn mul(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: see above.
        unsafe { vmulq_f32(a, b) }
    }
    #[inline(always)]
    fn div(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: see above.
        unsafe { vdivq_f32(a, b) }
    }
    #[inline(always)]
    fn min(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: see above.
        unsafe { vminq_f32(a, b) }
    }
    #[inline(always)]
    fn max(self, a: float32x4_t, b: float32x4_t) -> float32x4_t {
        // SAFETY: see above.
        unsafe { vmaxq_f32(a, b) }
    }
    #[inline(always)]
    fn mul_add(self, a: float32x4_t, b: float32x4_t, c: float32x4_t) -> float32x4_t {
        // SAFETY: see above.
        unsafe { vfmaq_f32(c, a, b) }
    }
    #[inline(always)]
    fn power_of_two(self, n: float32x4_t) -> float32x4_t {
        // SAFETY: see above.
        unsafe {
            let exponent = vaddq_s32(vcvtnq_s32_f32(n), vdupq_n_s32(127));
            vreinterpretq_f32_s32(vshlq_n_s32::<23>(exponent))
        }
    }
    #[inline(always)]
    fn sum_of(self, x: float32x4_t) -> f32 {
        // SAFETY: see above.
        unsafe { vaddvq_f32(x) }
    }
    #[inline(always)]
    fn min_of(self, x: float32x4_t) -> f32 {
        // SAFETY: see above.
        unsafe { vminvq_f32(x) }
    }
    #[inline(always)]
    fn max_of(self, x: float32x4_t) -> f32 {
        // SAFETY: see above.
        unsafe { vmaxvq_f32(x) }
    }
    #[inline(always)]
    fn store_bytes(self, x: float32x4_t, to: &mut [u8]) {
        let mut whole = [0_u32; LANES];
        // SAFETY: see above.
        unsafe { vst1q_u32(whole.as_mut_ptr(), vcvtnq_u32_f32(x)) };
        *to.first_chunk_mut().expect("a whole vector") = whole.map(|code| code.to_le_bytes()[0]);
    }

    #[inline(always)]
    fn no_sums(self) -> [int32x4_t; 2] {
        // SAFETY: see above.
        unsafe { [vdupq_n_s32(0); 2] }
    }
    #[inline(always)]
    fn weights(self, from: &[[i8; 4]]) -> [int16x8_t; 2] {
        let from: &[[i8; 4]; LANES] = from.first_chunk().expect("a whole vector");
        // SAFETY: see above; sixteen bytes.
        unsafe {
            let bytes = vld1q_s8(from.as_ptr().cast());
            [vmovl_s8(vget_low_s8(bytes)), vmovl_s8(vget_high_s8(bytes))]
        }
    }
    #[inline(always)]
    fn codes(self, codes: [u8; 4]) -> int16x8_t {
        // SAFETY: see above.
        unsafe { vreinterpretq_s16_u16(vmovl_u8(vreinterpret_u8_u32(vdup_n_u32(u32::from_le_bytes(codes))))) }
    }
    #[inline(always)]
    fn dot(self, sums: [int32x4_t; 2], codes: int16x8_t, weights: [int16x8_t; 2]) -> [int32x4_t; 2] {
        // SAFETY: see above.
        unsafe {
            [
                vpadalq_s16(sums[0], vmulq_s16(codes, weights[0])),
                vpadalq_s16(sums[1], vmulq_s16(codes, weights[1])),
            ]
        }
    }
    #[inline(always)]
    fn floats(self, sums: [int32x4_t; 2]) -> float32x4_t {
        // SAFETY: see above.
        unsafe { vcvtq_f32_s32(vpaddq_s32(sums[0], sums[1])) }
    }
}
