//! Compression of responses. tonic compresses all messages of a service or none. Small messages fit
//! into one packet anyway, so that compressing them costs time on both sides and saves nothing.

use std::io::Read as _;

use flate2::{Compression, read::GzEncoder};
use http::{HeaderMap, HeaderValue, Response};
use http_body_util::BodyExt as _;
use prost::bytes::Bytes;
use tonic::body::Body;

use super::message::{ENCODING, PREFIX_BYTES};

/// Messages up to this size are not compressed: with the headers of the response they fit into one
/// packet.
pub const MAX_PLAIN_BYTES: usize = 1024;
const ACCEPTED: &str = "grpc-accept-encoding";
const GZIP: HeaderValue = HeaderValue::from_static("gzip");

/// Whether a caller accepts gzip.
pub fn accepts_gzip(headers: &HeaderMap) -> bool {
    let lists = headers.get_all(ACCEPTED).iter().filter_map(|list| list.to_str().ok());
    lists.flat_map(|list| list.split(',')).any(|encoding| encoding.trim() == "gzip")
}

/// Compresses the message of a response if it is large.
pub fn compress(headers: &mut HeaderMap, message: Bytes) -> Bytes {
    let compressed = compress_each(message);
    if compressed.first() == Some(&1) {
        headers.insert(ENCODING, GZIP);
    }
    compressed
}

/// Compresses the large messages of a stream.
pub fn compress_stream(mut response: Response<Body>) -> Response<Body> {
    response.headers_mut().insert(ENCODING, GZIP);
    // tonic puts complete messages into a frame.
    response.map(|body| Body::new(body.map_frame(|frame| frame.map_data(compress_each))))
}

/// Compresses the large ones among some messages.
fn compress_each(messages: Bytes) -> Bytes {
    if messages.len() <= PREFIX_BYTES + MAX_PLAIN_BYTES {
        return messages;
    }
    let mut rest = &messages[..];
    let mut sent = Vec::with_capacity(messages.len() / 2);
    while let Some((prefix, behind)) = rest.split_first_chunk::<PREFIX_BYTES>() {
        let [_, length @ ..] = *prefix;
        let length = usize::try_from(u32::from_be_bytes(length)).unwrap_or(usize::MAX);
        let Some((message, behind)) = behind.split_at_checked(length) else { return messages };
        if length <= MAX_PLAIN_BYTES {
            sent.extend_from_slice(prefix);
            sent.extend_from_slice(message);
        } else if !add_compressed(&mut sent, message) {
            return messages;
        }
        rest = behind;
    }
    sent.into()
}

/// Appends a message in gzip; false if that failed.
fn add_compressed(sent: &mut Vec<u8>, message: &[u8]) -> bool {
    let start = sent.len();
    sent.extend([1; PREFIX_BYTES]);
    let written = GzEncoder::new(message, Compression::default()).read_to_end(sent);
    let Some(length) = written.ok().and_then(|length| u32::try_from(length).ok()) else {
        return false;
    };
    sent[start + 1..start + PREFIX_BYTES].copy_from_slice(&length.to_be_bytes());
    true
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use flate2::read::GzDecoder;
    use http::HeaderMap;
    use prost::bytes::Bytes;

    use super::{ACCEPTED, MAX_PLAIN_BYTES, PREFIX_BYTES, accepts_gzip, compress_each};

    fn prefixed(is_compressed: u8, message: &[u8]) -> Vec<u8> {
        let length = u32::try_from(message.len()).unwrap().to_be_bytes();
        [&[is_compressed], &length[..], message].concat()
    }

    #[test]
    fn large_messages_alone_are_compressed() {
        let (small, large) = (vec![b'x'; MAX_PLAIN_BYTES], vec![b'x'; MAX_PLAIN_BYTES + 1]);
        let plain = prefixed(0, &small);
        assert_eq!(compress_each(plain.clone().into()), plain);

        let all = [prefixed(0, &small), prefixed(0, &large), prefixed(0, &small)].concat();
        let sent = compress_each(all.into());
        let middle = sent.strip_prefix(&plain[..]).unwrap().strip_suffix(&plain[..]).unwrap();
        let (prefix, gzip) = middle.split_at(PREFIX_BYTES);
        assert_eq!(prefix, &prefixed(1, gzip)[..PREFIX_BYTES]);
        let mut message = Vec::new();
        GzDecoder::new(gzip).read_to_end(&mut message).unwrap();
        assert_eq!(message, large);
    }

    #[test]
    fn what_is_no_whole_message_is_left_alone() {
        let cut = Bytes::from(prefixed(0, &[b'x'; 5000])).slice(..4000);
        assert_eq!(compress_each(cut.clone()), cut);
    }

    #[test]
    fn gzip_is_one_of_the_encodings_that_a_caller_names() {
        for (names, accepts) in
            [("gzip", true), ("identity, gzip", true), ("identity,deflate", false), ("", false)]
        {
            let headers =
                HeaderMap::from_iter([(ACCEPTED.parse().unwrap(), names.parse().unwrap())]);
            assert_eq!(accepts_gzip(&headers), accepts, "{names:?}");
        }
        assert!(!accepts_gzip(&HeaderMap::new()));
    }
}
