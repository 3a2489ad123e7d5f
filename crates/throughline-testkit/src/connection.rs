//! One connection: read a request, play its script, watch whether the client leaves meanwhile.

use std::{
    future::pending,
    io,
    sync::{Arc, atomic::Ordering},
};

use bytes::{Bytes, BytesMut};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{
        TcpListener, TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
    task::JoinSet,
};

use crate::{RecordedRequest, Script, script::Step, upstream::Shared};

enum Played {
    /// All steps are done; the connection takes the next request.
    ToTheEnd,
    Closed,
    Reset,
    ClientGone,
}

pub(crate) async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        shared.connections.fetch_add(1, Ordering::Relaxed);
        connections.spawn(serve(stream, Arc::clone(&shared)));
        while connections.try_join_next().is_some() {}
    }
}

async fn serve(mut stream: TcpStream, shared: Arc<Shared>) {
    // Without it the kernel would merge the splits a script asks for.
    let _ = stream.set_nodelay(true);
    let mut unread = BytesMut::new();
    loop {
        let (mut reading, mut writing) = stream.split();
        let Ok(Some(request)) = read_request(&mut reading, &mut unread).await else { return };
        let script = (shared.script_for)(&request);
        shared.requests().push(request);
        match play(script, &mut reading, &mut writing, &mut unread, &shared).await {
            Played::ToTheEnd => {}
            Played::Closed => {
                let _ = writing.shutdown().await;
                return;
            }
            Played::Reset => {
                let _ = stream.set_zero_linger();
                return;
            }
            Played::ClientGone => {
                shared.clients_gone.send_modify(|gone| *gone += 1);
                return;
            }
        }
    }
}

async fn play(
    script: Script,
    reading: &mut ReadHalf<'_>,
    writing: &mut WriteHalf<'_>,
    unread: &mut BytesMut,
    shared: &Shared,
) -> Played {
    for step in script.steps {
        let step = async {
            match step {
                Step::Send(bytes) => match send(writing, bytes, shared).await {
                    Ok(()) => None,
                    Err(_) => Some(Played::ClientGone),
                },
                Step::Sleep(time) => {
                    tokio::time::sleep(time).await;
                    None
                }
                Step::Await(signal) => {
                    signal.wait().await;
                    None
                }
                Step::Hang => pending().await,
                Step::Close => Some(Played::Closed),
                Step::Reset => Some(Played::Reset),
            }
        };
        let ended = tokio::select! {
            biased;
            ended = step => ended,
            () = until_gone(reading, unread) => Some(Played::ClientGone),
        };
        if let Some(ended) = ended {
            return ended;
        }
    }
    Played::ToTheEnd
}

async fn send(writing: &mut WriteHalf<'_>, mut bytes: Bytes, shared: &Shared) -> io::Result<()> {
    while !bytes.is_empty() {
        let sent = writing.write_buf(&mut bytes).await?;
        shared.bytes_sent.fetch_add(sent as u64, Ordering::Relaxed);
    }
    // One write, one scheduling: the client gets a chance to see the split.
    tokio::task::yield_now().await;
    Ok(())
}

/// Ends when the client has closed or broken the connection. What it sends meanwhile is kept.
async fn until_gone(reading: &mut ReadHalf<'_>, unread: &mut BytesMut) {
    while let Ok(1..) = reading.read_buf(unread).await {}
}

async fn read_request(
    reading: &mut ReadHalf<'_>,
    unread: &mut BytesMut,
) -> io::Result<Option<RecordedRequest>> {
    let head_end = loop {
        if let Some(at) = unread.windows(4).position(|window| window == b"\r\n\r\n") {
            break at;
        }
        if reading.read_buf(unread).await? == 0 {
            return Ok(None);
        }
    };
    let head = unread.split_to(head_end + 4);
    let head = String::from_utf8_lossy(&head);
    let mut lines = head.lines();
    let mut request_line = lines.next().unwrap_or_default().split(' ');
    let method = request_line.next().unwrap_or_default().to_owned();
    let path = request_line.next().unwrap_or_default().to_owned();
    let headers: Vec<_> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length = length.and_then(|(_, value)| value.parse().ok()).unwrap_or(0);
    while unread.len() < length {
        if reading.read_buf(unread).await? == 0 {
            return Ok(None);
        }
    }
    Ok(Some(RecordedRequest { method, path, headers, body: unread.split_to(length).freeze() }))
}
