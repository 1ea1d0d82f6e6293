//! The public keys of an issuer, from a JWK set (RFC 7517), and the verification of signatures.

use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD as BASE64URL};
use ring::signature::{self, RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey};
use serde::Deserialize;
use serde_json::Value;

/// The largest accepted set.
const MAX_KEYS: usize = 100;

/// A signature algorithm (RFC 7518, section 3.1; RFC 8037). All are asymmetric: only the issuer has
/// the private key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Algorithm {
    Rs256,
    Rs384,
    Rs512,
    Ps256,
    Ps384,
    Ps512,
    Es256,
    Es384,
    EdDsa,
}

impl Algorithm {
    pub const ALL: [Self; 9] = [
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es256,
        Self::Es384,
        Self::EdDsa,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::EdDsa => "EdDSA",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|algorithm| algorithm.name() == name)
    }

    fn of_rsa(self) -> Option<&'static RsaParameters> {
        match self {
            Self::Rs256 => Some(&signature::RSA_PKCS1_2048_8192_SHA256),
            Self::Rs384 => Some(&signature::RSA_PKCS1_2048_8192_SHA384),
            Self::Rs512 => Some(&signature::RSA_PKCS1_2048_8192_SHA512),
            Self::Ps256 => Some(&signature::RSA_PSS_2048_8192_SHA256),
            Self::Ps384 => Some(&signature::RSA_PSS_2048_8192_SHA384),
            Self::Ps512 => Some(&signature::RSA_PSS_2048_8192_SHA512),
            Self::Es256 | Self::Es384 | Self::EdDsa => None,
        }
    }
}

/// The keys of an issuer.
#[derive(Debug)]
pub struct KeySet(Vec<Key>);

/// A public key for signatures.
#[derive(Debug)]
pub struct Key {
    id: Option<String>,
    /// The only algorithm that it is for, if it names one.
    algorithm: Option<String>,
    material: Material,
}

#[derive(Debug)]
enum Material {
    Rsa(RsaPublicKeyComponents<Vec<u8>>),
    /// The points in the form that ring requires: 4, x and y.
    P256(Vec<u8>),
    P384(Vec<u8>),
    Ed25519(Vec<u8>),
}

/// A key of the set. Other members are ignored.
#[derive(Deserialize)]
struct Jwk {
    kty: String,
    kid: Option<String>,
    alg: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    key_ops: Option<Vec<String>>,
    crv: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl KeySet {
    /// The usable keys of a set: at least one. Unusable keys are skipped.
    pub fn read(json: &[u8]) -> Result<Self, String> {
        #[derive(Deserialize)]
        struct Set {
            keys: Vec<Value>,
        }
        let set: Set = serde_json::from_slice(json)
            .map_err(|_| "is no JWK set: JSON with the list `keys` (RFC 7517)".to_owned())?;
        if set.keys.len() > MAX_KEYS {
            return Err(format!("has more than {MAX_KEYS} keys"));
        }
        let read = |key| serde_json::from_value(key).ok().and_then(Key::read);
        let keys: Vec<_> = set.keys.into_iter().filter_map(read).collect();
        if keys.is_empty() {
            let known = "RSA, EC (P-256 or P-384) or OKP (Ed25519)";
            return Err(format!("has no public key for signatures of type {known}"));
        }
        Ok(Self(keys))
    }

    /// The keys with an id. Without an id, the key of a set that has only one.
    pub fn named(&self, id: Option<&str>) -> Vec<&Key> {
        match (id, &self.0[..]) {
            (None, [only]) => vec![only],
            (None, _) => Vec::new(),
            (Some(_), keys) => keys.iter().filter(|key| key.id.as_deref() == id).collect(),
        }
    }
}

impl Key {
    fn read(key: Jwk) -> Option<Self> {
        let is_for_signatures = key.usage.is_none_or(|usage| usage == "sig")
            && key.key_ops.is_none_or(|all| all.iter().any(|operation| operation == "verify"));
        let bytes = |text: Option<String>| BASE64URL.decode(text?).ok();
        let point = |half: usize, x, y| {
            let (x, y) = (bytes(x)?, bytes(y)?);
            (x.len() == half && y.len() == half).then(|| [&[4][..], &x, &y].concat())
        };
        let number = |text| {
            let bytes = bytes(text)?;
            let first = bytes.iter().position(|byte| *byte != 0)?;
            Some(bytes[first..].to_vec())
        };
        let material = match (key.kty.as_str(), key.crv.as_deref()) {
            ("RSA", _) => {
                Material::Rsa(RsaPublicKeyComponents { n: number(key.n)?, e: number(key.e)? })
            }
            ("EC", Some("P-256")) => Material::P256(point(32, key.x, key.y)?),
            ("EC", Some("P-384")) => Material::P384(point(48, key.x, key.y)?),
            ("OKP", Some("Ed25519")) => Material::Ed25519(bytes(key.x).filter(|x| x.len() == 32)?),
            _ => return None,
        };
        is_for_signatures.then_some(Self { id: key.kid, algorithm: key.alg, material })
    }

    /// Whether it is for an algorithm: by its type, and by its own statement.
    pub fn is_for(&self, algorithm: Algorithm) -> bool {
        let by_type = match self.material {
            Material::Rsa(_) => algorithm.of_rsa().is_some(),
            Material::P256(_) => algorithm == Algorithm::Es256,
            Material::P384(_) => algorithm == Algorithm::Es384,
            Material::Ed25519(_) => algorithm == Algorithm::EdDsa,
        };
        by_type && self.algorithm.as_deref().is_none_or(|named| named == algorithm.name())
    }

    /// Whether it verifies a signature.
    pub fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        let unparsed = |by: &'static dyn signature::VerificationAlgorithm, key: &Vec<u8>| {
            UnparsedPublicKey::new(by, key).verify(message, signature)
        };
        let verified = match &self.material {
            Material::Rsa(key) => match algorithm.of_rsa() {
                Some(by) => key.verify(by, message, signature),
                None => return false,
            },
            Material::P256(key) => unparsed(&signature::ECDSA_P256_SHA256_FIXED, key),
            Material::P384(key) => unparsed(&signature::ECDSA_P384_SHA384_FIXED, key),
            Material::Ed25519(key) => unparsed(&signature::ED25519, key),
        };
        verified.is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Signatures of ring and others; RFC 8037, appendix A, is the only example with a fixed
    /// signature.
    #[test]
    fn a_signature_of_the_standard_is_verified() {
        let set = r#"{"keys": [{"kty": "OKP", "crv": "Ed25519",
            "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}"#;
        let set = KeySet::read(set.as_bytes()).unwrap();
        let [key] = set.named(None)[..] else { panic!() };
        let message = b"eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc";
        let signature = "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt\
                         9g7sVvpAr_MuM0KAg";
        let signature = BASE64URL.decode(signature).unwrap();
        assert!(key.is_for(Algorithm::EdDsa) && !key.is_for(Algorithm::Es256));
        assert!(key.verifies(Algorithm::EdDsa, message, &signature));
        assert!(!key.verifies(Algorithm::EdDsa, &message[1..], &signature));
    }

    #[test]
    fn a_key_is_for_the_algorithms_of_its_type_and_for_the_one_that_it_names() {
        let key = |more: &str| {
            let set = format!(r#"{{"keys": [{{"kty": "RSA", "n": "AQAB", "e": "AQAB"{more}}}]}}"#);
            KeySet::read(set.as_bytes()).unwrap()
        };
        let fits = |set: &KeySet| {
            let [key] = set.named(None)[..] else { panic!() };
            Algorithm::ALL.into_iter().filter(|it| key.is_for(*it)).count()
        };
        assert_eq!(fits(&key("")), 6);
        assert_eq!(fits(&key(r#", "alg": "RS256""#)), 1);
        assert_eq!(fits(&key(r#", "alg": "ES256""#)), 0);
        assert_eq!(fits(&key(r#", "alg": "RSA-OAEP""#)), 0);
    }

    #[test]
    fn keys_that_are_of_no_use_are_left_out() {
        let ours = r#"{"kty": "OKP", "crv": "Ed25519", "kid": "a",
            "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
        for other in [
            r#"{"kty": "oct", "kid": "a", "k": "c2VjcmV0"}"#.to_owned(),
            r#"{"kty": "EC", "crv": "P-521", "kid": "a", "x": "AA", "y": "AA"}"#.to_owned(),
            r#"{"kty": "EC", "crv": "P-256", "kid": "a", "x": "AA", "y": "AA"}"#.to_owned(),
            r#"{"kty": "RSA", "kid": "a", "n": "AAAA", "e": "AQAB"}"#.to_owned(),
            ours.replace("\"kid\"", "\"use\": \"enc\", \"kid\""),
            ours.replace("\"kid\"", "\"key_ops\": [\"sign\"], \"kid\""),
            "7".to_owned(),
        ] {
            let both = format!(r#"{{"keys": [{other}, {ours}]}}"#);
            let read = KeySet::read(both.as_bytes()).unwrap();
            assert_eq!(read.named(Some("a")).len(), 1, "{other}");
            let alone = format!(r#"{{"keys": [{other}]}}"#);
            assert!(KeySet::read(alone.as_bytes()).unwrap_err().starts_with("has no public key"));
        }
        let two = format!(r#"{{"keys": [{ours}, {}]}}"#, ours.replace("\"a\"", "\"b\""));
        let two = KeySet::read(two.as_bytes()).unwrap();
        assert_eq!((two.named(None).len(), two.named(Some("b")).len()), (0, 1));
        assert!(two.named(Some("c")).is_empty());
        let many = vec!["7"; MAX_KEYS + 1].join(",");
        assert!(KeySet::read(format!(r#"{{"keys": [{many}]}}"#).as_bytes()).is_err());
        assert!(KeySet::read(b"[]").unwrap_err().starts_with("is no JWK set"));
    }
}
