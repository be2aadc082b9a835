//! Connections: accepted, kept open, and ended as the response says.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::AsyncWriteExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::read::{Arrival, Inbox, KeepAlive};
use super::write::{self, Outbox, Part};
use super::{Request, Response, Stop};
use crate::record::Ticket;

/// Answers requests. Called on the connection's task, so it should not take long.
pub(crate) trait Answer: Clone + Send + 'static {
    /// The response, and the ticket to complete while it is written.
    fn answer(&self, request: Request) -> (Response, Option<Ticket>);
}

/// Accepts until told to stop, then ends every connection and waits for it. Dropping ends them without waiting.
pub(crate) async fn serve(listener: TcpListener, answer: impl Answer, stop: CancellationToken) {
    let mut connections = JoinSet::new();
    let accepting = accept(&listener, answer, &mut connections);
    stop.run_until_cancelled(accepting).await;
    connections.shutdown().await;
}

async fn accept(listener: &TcpListener, answer: impl Answer, connections: &mut JoinSet<()>) {
    loop {
        let (stream, remote) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                // Running out of descriptors passes when connections end.
                debug!(%error, "connection not accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let answer = answer.clone();
        connections.spawn(async move {
            if let Err(error) = converse(stream, remote, answer).await {
                debug!(%error, "connection ended");
            }
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn converse(
    mut stream: TcpStream,
    remote: SocketAddr,
    answer: impl Answer,
) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut inbox = Inbox::default();
    let mut outbox = Outbox::default();
    loop {
        let (request, keep_alive) = match inbox.next(&mut stream, remote).await? {
            Arrival::Request(request, keep_alive) => (request, keep_alive),
            Arrival::Closed => return Ok(()),
            Arrival::Refused(status) => {
                let refusal = (Response::text(status, ""), None);
                write::write(
                    &mut stream,
                    &mut outbox,
                    refusal,
                    Part::Whole,
                    KeepAlive::No,
                )
                .await?;
                return stream.shutdown().await;
            }
        };
        let part = if request.method == "HEAD" {
            Part::HeadOnly
        } else {
            Part::Whole
        };
        let reply = answer.answer(request);
        match write::write(&mut stream, &mut outbox, reply, part, keep_alive).await? {
            None => {}
            Some(Stop::Reset) => return stream.set_zero_linger(),
            Some(Stop::Close) => return stream.shutdown().await,
        }
    }
}

const ACCEPT_PAUSE: Duration = Duration::from_millis(10);
