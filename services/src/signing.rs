//! Signatures of JSON Web Tokens by HMAC (RFC 7518 §3.2), for the crate `jsonwebtoken`,
//! which leaves cryptography to its user.
//!
//! Its own backends sign by every algorithm that there is: one compiles the whole of AWS-LC
//! in C, the other RSA and elliptic curves, and a token here has an HMAC or is refused.

use hmac::{Hmac, Mac};
use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{ErrorKind, Result};
use jsonwebtoken::signature::{self, Signer, Verifier};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, EncodingKey};
use sha2::{Sha256, Sha384, Sha512};

/// The backend of `jsonwebtoken` for HS256, HS384 and HS512. Keys in JSON, and all other
/// algorithms, are unknown to it.
static HMAC: CryptoProvider = CryptoProvider {
    signer_factory: signer,
    verifier_factory: verifier,
    key_utils: KeyUtils::new_unimplemented(),
};

/// Gives `jsonwebtoken` its backend, without which signing and verifying panic. To be called
/// before the first of either; more calls change nothing.
pub fn install() {
    // It is refused when there is a backend, which then is this one.
    let _ = HMAC.install_default();
}

/// An HMAC with its key, and what tokens call its algorithm.
struct Keyed<M> {
    mac: M,
    algorithm: Algorithm,
}

impl<M: Mac + Clone> Signer<Vec<u8>> for Keyed<M> {
    fn try_sign(&self, message: &[u8]) -> std::result::Result<Vec<u8>, signature::Error> {
        let mac = self.mac.clone().chain_update(message);
        Ok(mac.finalize().into_bytes().to_vec())
    }
}

impl<M: Mac + Clone> Verifier<Vec<u8>> for Keyed<M> {
    /// Takes the same time wherever the first wrong byte is.
    fn verify(
        &self,
        message: &[u8],
        signature: &Vec<u8>,
    ) -> std::result::Result<(), signature::Error> {
        let mac = self.mac.clone().chain_update(message);
        mac.verify_slice(signature)
            .map_err(|_| signature::Error::new())
    }
}

impl<M: Mac + Clone> JwtSigner for Keyed<M> {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

impl<M: Mac + Clone> JwtVerifier for Keyed<M> {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}

fn signer(algorithm: &Algorithm, key: &EncodingKey) -> Result<Box<dyn JwtSigner>> {
    if key.family() != AlgorithmFamily::Hmac {
        return Err(ErrorKind::InvalidKeyFormat.into());
    }
    let (algorithm, key) = (*algorithm, key.as_bytes());
    Ok(match algorithm {
        Algorithm::HS256 => Box::new(keyed::<Hmac<Sha256>>(algorithm, key)?),
        Algorithm::HS384 => Box::new(keyed::<Hmac<Sha384>>(algorithm, key)?),
        Algorithm::HS512 => Box::new(keyed::<Hmac<Sha512>>(algorithm, key)?),
        _ => return Err(ErrorKind::InvalidAlgorithm.into()),
    })
}

fn verifier(algorithm: &Algorithm, key: &DecodingKey) -> Result<Box<dyn JwtVerifier>> {
    if key.family() != AlgorithmFamily::Hmac {
        return Err(ErrorKind::InvalidKeyFormat.into());
    }
    let (algorithm, key) = (*algorithm, key.try_get_as_bytes()?);
    Ok(match algorithm {
        Algorithm::HS256 => Box::new(keyed::<Hmac<Sha256>>(algorithm, key)?),
        Algorithm::HS384 => Box::new(keyed::<Hmac<Sha384>>(algorithm, key)?),
        Algorithm::HS512 => Box::new(keyed::<Hmac<Sha512>>(algorithm, key)?),
        _ => return Err(ErrorKind::InvalidAlgorithm.into()),
    })
}

fn keyed<M: Mac + hmac::digest::KeyInit>(algorithm: Algorithm, key: &[u8]) -> Result<Keyed<M>> {
    // An HMAC takes keys of any length.
    let mac = <M as Mac>::new_from_slice(key).map_err(|_| ErrorKind::InvalidKeyFormat)?;
    Ok(Keyed { mac, algorithm })
}

#[cfg(test)]
mod tests {
    use jsonwebtoken::crypto::{sign, verify};
    use proptest::prelude::*;

    use super::*;

    const ALGORITHMS: [Algorithm; 3] = [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512];

    #[test]
    fn the_token_of_rfc_7515_is_signed_and_verified() {
        install();
        // Appendix A.1.1: the key in base64url, the message and its signature.
        let key = "AyM1SysPpbyDfgZld3umj1qzKObwVMkoqQ-EstJQLr_T-1qS0gZH75aKtMN3Yj0iPS4hcgUuTwjAzZr1Z9CAow==";
        let key = key.replace('-', "+").replace('_', "/");
        let message = b"eyJ0eXAiOiJKV1QiLA0KICJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
        let signature = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        let signing = EncodingKey::from_base64_secret(&key).expect("base64");
        let verifying = DecodingKey::from_base64_secret(&key).expect("base64");
        let signed = sign(message, &signing, Algorithm::HS256).expect("it can be signed");
        assert_eq!(signed, signature);
        let verified = verify(signature, message, &verifying, Algorithm::HS256);
        assert!(verified.expect("it can be verified"));
    }

    #[test]
    fn the_longer_hashes_have_the_values_of_rfc_4231() {
        // Test case 2: a key that is shorter than the hash.
        let (key, message) = (
            EncodingKey::from_secret(b"Jefe"),
            b"what do ya want for nothing?",
        );
        for (algorithm, starts, length) in [
            (Algorithm::HS256, [0x5b, 0xdc, 0xc1, 0x46, 0xbf, 0x60], 32),
            (Algorithm::HS384, [0xaf, 0x45, 0xd2, 0xe3, 0x76, 0x48], 48),
            (Algorithm::HS512, [0x16, 0x4b, 0x7a, 0x7b, 0xfc, 0xf8], 64),
        ] {
            let signer = signer(&algorithm, &key).expect("it is an HMAC");
            assert_eq!(signer.algorithm(), algorithm);
            let signature = signer.try_sign(message).expect("it can be signed");
            assert_eq!(signature[..6], starts, "{algorithm:?}");
            assert_eq!(signature.len(), length);
        }
    }

    #[test]
    fn other_algorithms_and_keys_are_refused_and_dont_panic() {
        let secret = EncodingKey::from_secret(b"secret");
        let rsa = EncodingKey::from_rsa_der(b"secret");
        for (algorithm, key) in [(Algorithm::RS256, &secret), (Algorithm::HS256, &rsa)] {
            assert!(signer(&algorithm, key).is_err(), "{algorithm:?}");
        }
        let secret = DecodingKey::from_secret(b"secret");
        let rsa = DecodingKey::from_rsa_der(b"secret");
        for (algorithm, key) in [(Algorithm::ES256, &secret), (Algorithm::HS256, &rsa)] {
            assert!(verifier(&algorithm, key).is_err(), "{algorithm:?}");
        }
    }

    proptest! {
        #[test]
        fn only_the_whole_signature_of_the_same_message_and_key_is_right(
            key in prop::collection::vec(any::<u8>(), 0..200),
            message in prop::collection::vec(any::<u8>(), 0..200),
            algorithm in prop::sample::select(&ALGORITHMS[..]),
            at in any::<prop::sample::Index>(),
            bit in 0..8_u8,
        ) {
            let signed = signer(&algorithm, &EncodingKey::from_secret(&key)).expect("an HMAC");
            let signature = signed.try_sign(&message).expect("it can be signed");
            let verifier = verifier(&algorithm, &DecodingKey::from_secret(&key)).expect("an HMAC");
            prop_assert!(verifier.verify(&message, &signature).is_ok());

            let mut flipped = signature.clone();
            flipped[at.index(signature.len())] ^= 1_u8 << bit;
            prop_assert!(verifier.verify(&message, &flipped).is_err());
            let shorter = signature[..at.index(signature.len())].to_vec();
            prop_assert!(verifier.verify(&message, &shorter).is_err());
            let longer = [&signature[..], &[0]].concat();
            prop_assert!(verifier.verify(&message, &longer).is_err());
            let other = [&message[..], &[0]].concat();
            prop_assert!(verifier.verify(&other, &signature).is_err());
        }
    }
}
