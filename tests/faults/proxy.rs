//! A proxy to the database that can drop everything.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    sync::watch,
    task::JoinSet,
};

const BUFFER_BYTES: usize = 16 << 10;

/// What passes. Nobody is notified of what does not, like a firewall that has forgotten a
/// connection, or a host that has vanished.
#[derive(Clone, Copy, Debug, Default)]
struct Passage {
    /// Nothing passes now; what was sent meanwhile is delivered later.
    is_held: bool,
    /// Connections of an older generation never pass anything again.
    generation: usize,
}

/// A proxy in front of a port of this machine.
pub struct Proxy {
    pub port: u16,
    passage: watch::Sender<Passage>,
    swallowed: Arc<AtomicUsize>,
    _serving: JoinSet<()>,
}

impl Proxy {
    pub async fn new(to: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let passage = watch::Sender::new(Passage::default());
        let mut serving = JoinSet::new();
        let swallowed = Arc::new(AtomicUsize::new(0));
        serving.spawn(serve(listener, to, passage.subscribe(), Arc::clone(&swallowed)));
        Self { port, passage, swallowed, _serving: serving }
    }

    /// Holds everything back, or lets it pass again.
    pub fn hold(&self, is_held: bool) {
        self.passage.send_modify(|it| it.is_held = is_held);
    }

    /// Existing connections drop everything from now on; new ones work.
    pub fn swallow(&self) {
        self.passage.send_modify(|it| it.generation += 1);
    }

    /// How often data was dropped.
    pub fn swallowed(&self) -> usize {
        self.swallowed.load(Ordering::Relaxed)
    }
}

async fn serve(
    listener: TcpListener,
    to: u16,
    passage: watch::Receiver<Passage>,
    swallowed: Arc<AtomicUsize>,
) {
    let mut connections = JoinSet::new();
    loop {
        let Ok((from, _)) = listener.accept().await else { continue };
        let (passage, swallowed) = (passage.clone(), Arc::clone(&swallowed));
        connections.spawn(async move {
            let generation = passage.borrow().generation;
            let Ok(to) = TcpStream::connect(("127.0.0.1", to)).await else { return };
            let (from, to) = (from.into_split(), to.into_split());
            let there = pass(from.0, to.1, generation, passage.clone(), &swallowed);
            let back = pass(to.0, from.1, generation, passage, &swallowed);
            tokio::join!(there, back);
        });
    }
}

/// Forwards data until there is no more, or until everything is dropped.
async fn pass(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    generation: usize,
    mut passage: watch::Receiver<Passage>,
    swallowed: &AtomicUsize,
) {
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let Ok(count) = from.read(&mut buffer).await else { return };
        let goes_on = passage.wait_for(|it| !it.is_held || it.generation > generation).await;
        if goes_on.is_ok_and(|it| it.generation > generation) {
            // The connection stays open, and is silent.
            swallowed.fetch_add(1, Ordering::Relaxed);
            return std::future::pending().await;
        }
        if count == 0 || to.write_all(&buffer[..count]).await.is_err() {
            return;
        }
    }
}
