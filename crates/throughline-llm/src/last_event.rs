//! How a client learns that a stream broke off: by one last event.
//!
//! After the first byte the status is gone. Clients of OpenAI understand an event whose data is `{"error": …}`; a broken
//! connection they report as a network fault. The stream must then end without `[DONE]`.

use std::{
    pin::Pin,
    task::{Context, Poll, ready},
};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};

/// An event stream whose error becomes its last event, if the stream broke off between two events. Within an event
/// nothing can be said any more, and the error is passed on (the server then breaks the client's connection).
pub struct ErrorAsLastEvent<B, F> {
    inner: B,
    /// The data of the last event, for an error.
    describe: Option<F>,
    /// The last bytes that passed, newest last.
    tail: [u8; 4],
    is_over: bool,
}

impl<B, F> ErrorAsLastEvent<B, F>
where
    B: Body<Data = Bytes>,
    F: FnOnce(&B::Error) -> String,
{
    /// `describe` writes the error as JSON on one line, such as `{"error":{"message":…}}`.
    pub fn new(inner: B, describe: F) -> Self {
        // A stream of which nothing has passed is between two events.
        Self { inner, describe: Some(describe), tail: *b"\n\n\n\n", is_over: false }
    }

    fn is_between_events(&self) -> bool {
        [b"\n\n".as_slice(), b"\r\r", b"\r\n\r\n"].iter().any(|end| self.tail.ends_with(end))
    }
}

impl<B, F> Body for ErrorAsLastEvent<B, F>
where
    B: Body<Data = Bytes> + Unpin,
    F: FnOnce(&B::Error) -> String + Unpin,
{
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, B::Error>>> {
        if self.is_over {
            return Poll::Ready(None);
        }
        match ready!(Pin::new(&mut self.inner).poll_frame(context)) {
            Some(Ok(frame)) => {
                for byte in
                    frame.data_ref().into_iter().flat_map(|bytes| &bytes[bytes.len().saturating_sub(4)..])
                {
                    self.tail.rotate_left(1);
                    self.tail[3] = *byte;
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Some(Err(error)) => {
                self.is_over = true;
                match self.describe.take() {
                    Some(describe) if self.is_between_events() => {
                        let event = format!("data: {}\n\n", describe(&error));
                        Poll::Ready(Some(Ok(Frame::data(event.into()))))
                    }
                    _ => Poll::Ready(Some(Err(error))),
                }
            }
            None => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.is_over || self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        // One more event may come than the stream itself knows of.
        SizeHint::default()
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::VecDeque, convert::Infallible};

    use http_body_util::{BodyExt, StreamBody};

    use super::*;

    async fn passed(frames: &[Result<&'static str, &'static str>]) -> (String, Option<&'static str>) {
        let frames =
            frames.iter().map(|frame| frame.map(|text| Frame::data(Bytes::from_static(text.as_bytes()))));
        let body = StreamBody::new(futures_util::stream::iter(frames.collect::<VecDeque<_>>()));
        let mut body = ErrorAsLastEvent::new(body, |error| format!(r#"{{"error":"{error}"}}"#));
        let mut text = String::new();
        while let Some(frame) = body.frame().await {
            match frame {
                Ok(frame) => text.push_str(std::str::from_utf8(&frame.into_data().unwrap()).unwrap()),
                Err(error) => {
                    assert!(body.is_end_stream());
                    return (text, Some(error));
                }
            }
        }
        (text, None)
    }

    #[tokio::test]
    async fn an_error_between_events_becomes_the_last_event() {
        for frames in [vec!["data: a\n\n"], vec!["data: a\r", "\r"], vec!["data: a\r\n", "\r", "\n"], vec![]]
        {
            let before = frames.concat();
            let mut frames: Vec<_> = frames.into_iter().map(Ok).collect();
            frames.push(Err("gone"));
            assert_eq!(passed(&frames).await, (before + "data: {\"error\":\"gone\"}\n\n", None));
        }
    }

    #[tokio::test]
    async fn an_error_within_an_event_stays_an_error() {
        for cut in ["data: a", "data: a\n", "data: a\r\n"] {
            assert_eq!(passed(&[Ok(cut), Err("gone")]).await, (cut.to_owned(), Some("gone")));
        }
    }

    #[tokio::test]
    async fn a_stream_without_error_is_left_alone() {
        let body =
            StreamBody::new(futures_util::stream::iter([Ok::<_, Infallible>(Frame::data(Bytes::from("x")))]));
        let body = ErrorAsLastEvent::new(body, |_: &Infallible| unreachable!());
        assert_eq!(body.collect().await.unwrap().to_bytes(), "x");
    }
}
