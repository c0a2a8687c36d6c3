//! An open port: connections are taken in, so many at once, until it is closed.

use std::future::Future;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

use super::ports::Ports;

/// Connections at once; others wait.
const CONNECTIONS_MAX: usize = 1024;

/// See the module. It is closed when this is dropped; who is connected is told so.
#[derive(Debug)]
pub(super) struct Door {
    accepts: JoinHandle<()>,
    _open: watch::Sender<()>,
}

impl Drop for Door {
    fn drop(&mut self) {
        self.accepts.abort();
    }
}

impl Door {
    /// Opens the port of whoever is called that. `None`: it cannot be had now.
    pub fn open<F>(
        ports: &mut Ports,
        whose: &str,
        serve: impl Fn(TcpStream, SocketAddr, watch::Receiver<()>) -> F + 'static,
    ) -> Option<Self>
    where
        F: Future<Output = ()> + 'static,
    {
        let listener = match ports.bind(whose).and_then(TcpListener::from_std) {
            Ok(listener) => listener,
            Err(error) => {
                ports.close(whose);
                tracing::warn!(%error, whose, "no port could be had");
                return None;
            }
        };
        let (open, closed) = watch::channel(());
        let accepts = tokio::task::spawn_local(accept(listener, serve, closed));
        Some(Self { accepts, _open: open })
    }
}

async fn accept<F>(
    listener: TcpListener,
    serve: impl Fn(TcpStream, SocketAddr, watch::Receiver<()>) -> F + 'static,
    closed: watch::Receiver<()>,
) where
    F: Future<Output = ()> + 'static,
{
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let serve = Rc::new(serve);
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, peer)) => {
                // Answers are small, and nobody should wait for more of them.
                let _ = stream.set_nodelay(true);
                let (serve, closed) = (Rc::clone(&serve), closed.clone());
                tokio::task::spawn_local(async move {
                    serve(stream, peer, closed).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection was not accepted");
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    }
}
