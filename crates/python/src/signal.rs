//! How the library's thread tells Python that a wait may be over: a list of numbers, and one byte in a socket.

use std::io::{self, Read, Write};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Wake;

#[cfg(windows)]
use std::net::{TcpListener, TcpStream as Socket};
#[cfg(unix)]
use std::os::unix::net::UnixStream as Socket;

/// The end that Python waits at, and the end that wakers write to.
pub(crate) struct Signal {
    reader: Socket,
    writer: Socket,
    woken: Mutex<Woken>,
}

#[derive(Default)]
struct Woken {
    numbers: Vec<u64>,
    /// A byte is in the socket.
    armed: bool,
}

impl Signal {
    pub(crate) fn new() -> io::Result<Self> {
        let (reader, writer) = pair()?;
        reader.set_nonblocking(true)?;
        writer.set_nonblocking(true)?;
        Ok(Self { reader, writer, woken: Mutex::default() })
    }

    /// The descriptor (on Windows the handle of the socket) that becomes readable.
    #[cfg(unix)]
    pub(crate) fn fileno(&self) -> i64 {
        use std::os::fd::AsRawFd;
        self.reader.as_raw_fd().into()
    }

    #[cfg(windows)]
    pub(crate) fn fileno(&self) -> i64 {
        use std::os::windows::io::AsRawSocket;
        i64::try_from(self.reader.as_raw_socket()).unwrap_or(-1)
    }

    /// Adds a number and makes the socket readable. The lock is held for a moment and never around Python.
    pub(crate) fn notify(&self, number: u64) {
        let mut woken = lock(&self.woken);
        woken.numbers.push(number);
        self.arm(&mut woken);
    }

    /// Takes at most `limit` numbers. The socket stays readable until a call finds nothing to do: a caller whose work an
    /// exception interrupts is called once more. `keep`: the caller itself has more to do.
    pub(crate) fn take(&self, limit: usize, keep: bool) -> Vec<u64> {
        let mut woken = lock(&self.woken);
        let end = woken.numbers.len().min(limit);
        let rest = woken.numbers.split_off(end);
        let taken = std::mem::replace(&mut woken.numbers, rest);
        if keep || !taken.is_empty() {
            self.arm(&mut woken);
        } else {
            woken.armed = false;
            // There is one byte at most.
            let _ = (&self.reader).read(&mut [0; 16]);
        }
        taken
    }

    /// Makes the socket readable.
    pub(crate) fn wake(&self) {
        self.arm(&mut lock(&self.woken));
    }

    fn arm(&self, woken: &mut Woken) {
        if !woken.armed {
            woken.armed = true;
            // A full socket is readable, and a closed one has no reader.
            let _ = (&self.writer).write(&[1]);
        }
    }
}

/// A lock without poison: what it guards is right after each statement.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The waker of one operation. It holds nothing of Python.
pub(crate) struct OperationWaker {
    pub(crate) number: u64,
    pub(crate) signal: Arc<Signal>,
    /// Whether the number is in the list already.
    pub(crate) queued: AtomicBool,
}

impl Wake for OperationWaker {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        if !self.queued.swap(true, Ordering::AcqRel) {
            self.signal.notify(self.number);
        }
    }
}

#[cfg(unix)]
fn pair() -> io::Result<(Socket, Socket)> {
    Socket::pair()
}

/// Two ends of a connection on loopback: Windows has no pair of sockets. Only the connection that was made here is taken.
#[cfg(windows)]
fn pair() -> io::Result<(Socket, Socket)> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let writer = Socket::connect(listener.local_addr()?)?;
    let (reader, peer) = listener.accept()?;
    if peer != writer.local_addr()? {
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    writer.set_nodelay(true)?;
    Ok((reader, writer))
}
