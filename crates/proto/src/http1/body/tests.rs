use proptest::prelude::*;

use super::*;

/// Feeds `wire` in pieces of `piece` bytes. Returns the payload and how many bytes were left over.
fn decode(
    framing: Framing,
    wire: &[u8],
    piece: usize,
) -> Result<(Vec<u8>, usize, BodyDecoder), BodyError> {
    let mut decoder = BodyDecoder::new(framing);
    let (mut payload, mut used) = (Vec::new(), 0);
    for piece in wire.chunks(piece) {
        let mut piece = piece.to_vec();
        let done = decoder.decode(&mut piece)?;
        payload.extend_from_slice(&piece[..done.payload]);
        used += done.consumed;
    }
    Ok((payload, wire.len() - used, decoder))
}

#[test]
fn a_known_length_ends_where_it_says_and_leaves_the_rest() {
    for piece in 1..10 {
        let (payload, left, decoder) = decode(Framing::Length(5), b"hellonext", piece).unwrap();
        assert_eq!((payload.as_slice(), left, decoder.is_done()), (&b"hello"[..], 4, true));
    }
    assert!(BodyDecoder::new(Framing::Length(0)).is_done());
    assert!(BodyDecoder::new(Framing::Empty).is_done());
}

#[test]
fn chunks_come_out_joined_whatever_the_segmentation() {
    let wire = b"5\r\nhello\r\n6;a=\"b\"\r\n world\r\n0\r\nX-T: 1\r\nY: 2\r\n\r\nGET /";
    for piece in 1..=wire.len() {
        let (payload, left, decoder) = decode(Framing::Chunked, wire, piece).unwrap();
        assert_eq!((payload.as_slice(), left, decoder.is_done()), (&b"hello world"[..], 5, true));
        assert_eq!(decoder.trailers(), b"X-T: 1\r\nY: 2\r\n");
    }
}

#[test]
fn chunks_that_neighbours_would_read_differently_are_refused() {
    let refused: [&[u8]; 24] = [
        b"5\x0b\r\n",
        b"5\0\r\n",
        b"5;a\rb\r\n",
        b"5;\0\r\n",
        b"5\r\r\nhello",
        b"5\r\nhello\r\n\r\n",
        b"0\r\nX: 1\rY: 2\r\n",
        b"g\r\n",
        b"5\nhello\r\n",
        b"5\r\nhello\n",
        b"5\r\nhelloX",
        b"5\rXhello",
        b"\r\n",
        b";a\r\n",
        b" 5\r\n",
        b"5 \r\n",
        b"+5\r\n",
        b"-1\r\n",
        b"0x5\r\n",
        b"5_0\r\n",
        b"10000000000000000\r\n",
        b"5;a\nb\r\n",
        b"0\r\nX: 1\n",
        b"0\r\nX: \0\r\n",
    ];
    for wire in refused {
        for piece in [1, wire.len()] {
            let outcome = decode(Framing::Chunked, wire, piece).map(|(payload, ..)| payload);
            assert!(
                matches!(outcome, Err(BodyError::Malformed(_))),
                "{:?} {outcome:?}",
                wire.escape_ascii()
            );
        }
    }
}

#[test]
fn a_chunked_request_is_not_read_far_into_the_requests_behind_it() {
    let mut request = BodyDecoder::for_request(Framing::Chunked);
    assert_eq!(request.readable(), AHEAD_BYTES_MAX);
    request.decode(&mut b"100000\r\nabc".to_vec()).unwrap();
    assert_eq!(request.readable(), 0x10_0000 - 3 + AHEAD_BYTES_MAX);
    let mut huge = BodyDecoder::for_request(Framing::Chunked);
    huge.decode(&mut b"ffffffffffffffff\r\n".to_vec()).unwrap();
    assert_eq!(huge.readable(), usize::MAX);
    assert_eq!(BodyDecoder::for_request(Framing::Length(7)).readable(), 7);
    // An answer has nothing behind it, and a large one is read at once.
    assert_eq!(BodyDecoder::new(Framing::Chunked).readable(), usize::MAX);
}

#[test]
fn extensions_and_trailers_have_a_bound() {
    let mut wire = b"1;".to_vec();
    wire.extend(vec![b'a'; OVERHEAD_BYTES_MAX + 1]);
    assert!(decode(Framing::Chunked, &wire, 1000).is_err());
    let mut wire = b"0\r\nX:".to_vec();
    wire.extend(vec![b'a'; OVERHEAD_BYTES_MAX + 1]);
    assert!(decode(Framing::Chunked, &wire, 1000).is_err());
}

#[test]
fn the_end_of_the_stream_is_an_end_only_where_it_is_the_framing() {
    let end = |framing, wire: &[u8]| decode(framing, wire, 1).unwrap().2.end_of_stream();
    assert_eq!(end(Framing::UntilClose, b"abc"), Ok(()));
    assert_eq!(end(Framing::Length(3), b"abc"), Ok(()));
    assert_eq!(end(Framing::Length(4), b"abc"), Err(BodyError::Truncated));
    assert_eq!(end(Framing::Chunked, b"3\r\nabc\r\n"), Err(BodyError::Truncated));
    assert_eq!(end(Framing::Chunked, b"0\r\n\r\n"), Ok(()));
}

proptest! {
    #[test]
    fn any_chunking_gives_back_what_was_chunked(
        chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..50), 0..10), piece in 1_usize..60,
    ) {
        let mut wire = Vec::new();
        for chunk in &chunks {
            crate::http1::chunk_prefix(&mut wire, chunk.len());
            wire.extend_from_slice(chunk);
            wire.extend_from_slice(b"\r\n");
        }
        wire.extend_from_slice(crate::http1::LAST_CHUNK);
        let (payload, left, decoder) = decode(Framing::Chunked, &wire, piece).unwrap();
        prop_assert_eq!(payload, chunks.concat());
        prop_assert!(left == 0 && decoder.is_done());
    }

    #[test]
    fn no_bytes_make_the_decoder_panic(wire in prop::collection::vec(any::<u8>(), 0..200), piece in 1_usize..20) {
        let _ = decode(Framing::Chunked, &wire, piece);
    }
}
