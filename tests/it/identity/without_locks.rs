//! PostgreSQL without row locks, as a control: a proxy between the product and the database removes
//! `for update` from every statement. The product is unchanged. SQLite has no row locks: there,
//! `begin immediate` is the lock.

use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        UnixListener, UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf},
    },
    task::JoinHandle,
};

use crate::support::{Database, TempFolder};

const LOCK: &[u8] = b" for update";
/// Of equal length, so that the frames of the protocol stay valid.
const NO_LOCK: &[u8] = b"           ";
/// The first message of a connection that asks for encryption, which is followed by another.
const SSL_REQUEST: [u8; 4] = 80_877_103_u32.to_be_bytes();

pub struct WithoutLocks {
    /// The URL of the database, without locks.
    pub url: String,
    taken: Arc<AtomicUsize>,
    serving: JoinHandle<()>,
    _folder: TempFolder,
}

impl WithoutLocks {
    pub fn of(database: &Database) -> Self {
        let folder = TempFolder::new();
        let (before, rest) = database.url.split_once("host=").expect("a folder with a socket");
        let (host, after) = rest.split_once('&').expect("more after it");
        let url = format!("{before}host={}&{after}", folder.path().display());
        let socket = format!("{host}/.s.PGSQL.5432");
        let listener = UnixListener::bind(folder.path().join(".s.PGSQL.5432")).unwrap();
        let taken = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&taken);
        let serving = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let Ok(server) = UnixStream::connect(&socket).await else { break };
                let (client_reads, mut client_writes) = client.into_split();
                let (mut server_reads, server_writes) = server.into_split();
                tokio::spawn(forward(client_reads, server_writes, Arc::clone(&count)));
                tokio::spawn(async move {
                    let _ = tokio::io::copy(&mut server_reads, &mut client_writes).await;
                });
            }
        });
        Self { url, taken, serving, _folder: folder }
    }

    /// The number of statements from which a lock was removed.
    pub fn taken(&self) -> usize {
        self.taken.load(Ordering::Relaxed)
    }
}

impl Drop for WithoutLocks {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

/// Forwards the client's messages until it disconnects.
async fn forward(
    mut client: OwnedReadHalf,
    mut server: OwnedWriteHalf,
    taken: Arc<AtomicUsize>,
) -> io::Result<()> {
    loop {
        let body = message(&mut client).await?;
        server.write_all(&body).await?;
        if !body[4..].starts_with(&SSL_REQUEST) {
            break;
        }
    }
    loop {
        let sort = client.read_u8().await?;
        let mut body = message(&mut client).await?;
        // A statement to parse, or to parse and run.
        if matches!(sort, b'P' | b'Q') {
            while let Some(at) = body.windows(LOCK.len()).position(|part| part == LOCK) {
                body[at..at + LOCK.len()].copy_from_slice(NO_LOCK);
                taken.fetch_add(1, Ordering::Relaxed);
            }
        }
        server.write_u8(sort).await?;
        server.write_all(&body).await?;
    }
}

/// A length, which includes itself, and the rest of the message.
async fn message(client: &mut OwnedReadHalf) -> io::Result<Vec<u8>> {
    let length = client.read_u32().await?;
    let mut bytes = length.to_be_bytes().to_vec();
    bytes.resize(length as usize, 0);
    client.read_exact(&mut bytes[4..]).await?;
    Ok(bytes)
}
