//! API keys: `tl_<id>_<secret>`, 12 and 52 characters of base 32.
//!
//! The store keeps the id and a keyed hash; the key itself is shown once, when it is made. Comparison takes the same
//! time whatever is wrong.

use rand::TryRngCore as _;
use rand::rngs::OsRng;
use subtle::ConstantTimeEq as _;
use throughline::memory::{Memory, MemoryError};
use throughline::model::TenantId;
use throughline::ports::ApiKey;
use throughline_llm::Secret;

use crate::error::{ApiError, ErrorCode};

/// What every key begins with, so that it is told from a provider's and found by secret scanners.
pub const KEY_PREFIX: &str = "tl_";

const ID_CHARACTERS: usize = 12;
const SECRET_BYTES: usize = 32;
const LABEL_BYTES_MAX: usize = 256;

const DIGITS: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Makes a key of a tenant and keeps its hash. The second value is the key itself: show it once, keep it nowhere.
///
/// # Errors
/// If the label is too long, the store cannot be written to, or the system gives no random bytes.
pub fn create_key(memory: &Memory, tenant: TenantId, label: &str) -> Result<(ApiKey, Secret), MemoryError> {
    if label.len() > LABEL_BYTES_MAX {
        let bytes = label.len();
        return Err(MemoryError::Invalid(format!(
            "the label has {bytes} bytes; at most {LABEL_BYTES_MAX} are kept"
        )));
    }
    let mut id = base32(&random::<8>()?);
    id.truncate(ID_CHARACTERS);
    let secret = base32(&random::<SECRET_BYTES>()?);
    let key = ApiKey {
        hash: *hash(memory, &id, &secret).as_bytes(),
        tenant,
        label: label.to_owned(),
        created: memory.now(),
        revoked: None,
        id,
    };
    memory.store().put_key(key.clone())?;
    let plain = Secret::new(&format!("{KEY_PREFIX}{}_{secret}", key.id));
    Ok((key, plain))
}

/// The tenant a credential speaks for.
pub(super) fn verify(memory: &Memory, credential: &str) -> Result<TenantId, ApiError> {
    let refused = || ApiError::new(ErrorCode::InvalidKey, "the key is not known here, or was revoked");
    let (id, secret) =
        credential.strip_prefix(KEY_PREFIX).and_then(|rest| rest.split_once('_')).ok_or_else(refused)?;
    if id.len() != ID_CHARACTERS || !id.bytes().all(|digit| DIGITS.contains(&digit)) {
        return Err(refused());
    }
    let key = memory.store().key(id)?;
    // An unknown id takes as long as a wrong secret.
    let kept = key.as_ref().map_or([0; 32], |key| key.hash);
    let same = bool::from(hash(memory, id, secret).as_bytes().ct_eq(&kept));
    match key {
        Some(key) if same && key.revoked.is_none() => Ok(key.tenant),
        _ => Err(refused()),
    }
}

fn hash(memory: &Memory, id: &str, secret: &str) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new_keyed(&memory.key_for("throughline 2026-11 api key hash"));
    hasher.update(id.as_bytes());
    hasher.update(b"_");
    hasher.update(secret.as_bytes());
    hasher.finalize()
}

fn random<const N: usize>() -> Result<[u8; N], MemoryError> {
    let mut bytes = [0; N];
    OsRng
        .try_fill_bytes(&mut bytes)
        .map_err(|error| MemoryError::Invalid(format!("the system gives no random bytes: {error}")))?;
    Ok(bytes)
}

/// Five bits a digit, from the first; what is left over in the end is filled with zeros.
fn base32(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 8 / 5 + 1);
    let (mut held, mut bits) = (0_u32, 0);
    for byte in bytes {
        held = (held << 8) | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text.push(digit(held >> bits));
        }
        held &= (1 << bits) - 1;
    }
    if bits > 0 {
        text.push(digit(held << (5 - bits)));
    }
    text
}

fn digit(value: u32) -> char {
    char::from(DIGITS[(value & 31) as usize])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn random_bytes_become_digits_that_keep_all_of_them() {
        assert_eq!(base32(&[0; 5]), "00000000");
        assert_eq!(base32(&[255; 5]), "zzzzzzzz");
        assert_eq!(base32(&[255]), "zw");
        assert_eq!(base32(&[0; SECRET_BYTES]).len(), 52);
        assert_eq!(base32(&[0b0000_1000, 0b0100_0110, 0, 0, 0]), "11300000");
    }
}
