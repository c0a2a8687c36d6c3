//! An open port, on each loopback: connections are taken in, so many at once, until it is closed.

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
    accepts: Vec<JoinHandle<()>>,
    _open: watch::Sender<()>,
}

impl Drop for Door {
    fn drop(&mut self) {
        self.accepts.iter().for_each(JoinHandle::abort);
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
        let bound = ports.bind(whose);
        let listeners: Vec<TcpListener> =
            match bound.and_then(|all| all.into_iter().map(TcpListener::from_std).collect()) {
                Ok(listeners) => listeners,
                Err(error) => {
                    ports.close(whose);
                    tracing::warn!(%error, whose, "no port could be had");
                    return None;
                }
            };
        let (open, closed) = watch::channel(());
        let (places, serve) = (Arc::new(Semaphore::new(CONNECTIONS_MAX)), Rc::new(serve));
        let accept_at = |listener| accept(listener, Arc::clone(&places), Rc::clone(&serve), closed.clone());
        let accepts = listeners.into_iter().map(|listener| tokio::task::spawn_local(accept_at(listener))).collect();
        Some(Self { accepts, _open: open })
    }
}

async fn accept<F>(
    listener: TcpListener,
    places: Arc<Semaphore>,
    serve: Rc<impl Fn(TcpStream, SocketAddr, watch::Receiver<()>) -> F + 'static>,
    closed: watch::Receiver<()>,
) where
    F: Future<Output = ()> + 'static,
{
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
