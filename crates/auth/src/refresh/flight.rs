//! One piece of work that many wait for: its end wakes them all with the same outcome.
//!
//! A waiter that goes away, or runs out of time, takes nothing with it: the work belongs to the flight, not to
//! whoever started it. Waiters need no runtime: a deadline is a timer that runs where the work runs.

use std::cell::Cell;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use crate::Error;
use crate::system::{BoxFuture, System};

/// What a flight ended with.
pub(crate) type Outcome = Result<(), Error>;

/// Work under way.
pub(crate) struct Flight {
    /// A fork copies a flight, but not the thread that it runs on.
    process: u32,
    state: Mutex<FlightState>,
    pub(crate) cancel: Cancel,
}

#[derive(Default)]
struct FlightState {
    outcome: Option<Outcome>,
    waiters: Vec<Option<Waker>>,
    free: Vec<usize>,
}

impl Default for Flight {
    fn default() -> Self {
        Self::of_process(std::process::id())
    }
}

impl Flight {
    pub(crate) fn of_process(process: u32) -> Self {
        Self { process, state: Mutex::default(), cancel: Cancel::default() }
    }

    pub(crate) fn is_of_this_process(&self) -> bool {
        self.process == std::process::id()
    }

    fn state(&self) -> MutexGuard<'_, FlightState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends it: the first outcome stands, and every waiter is told.
    pub(crate) fn complete(&self, outcome: Outcome) {
        let waiters = {
            let mut state = self.state();
            state.outcome.get_or_insert(outcome);
            std::mem::take(&mut state.waiters)
        };
        waiters.into_iter().flatten().for_each(Waker::wake);
    }

    /// Waits for its end.
    pub(crate) fn wait(self: &Arc<Self>) -> Wait {
        Wait { flight: Arc::clone(self), place: None }
    }
}

/// The wait of one caller for a flight.
pub(crate) struct Wait {
    flight: Arc<Flight>,
    place: Option<usize>,
}

impl Future for Wait {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Outcome> {
        let this = &mut *self;
        let mut state = this.flight.state();
        if let Some(outcome) = &state.outcome {
            return Poll::Ready(outcome.clone());
        }
        let place = *this.place.get_or_insert_with(|| {
            state.free.pop().unwrap_or_else(|| {
                state.waiters.push(None);
                state.waiters.len() - 1
            })
        });
        match &mut state.waiters[place] {
            Some(waker) => waker.clone_from(context.waker()),
            empty => *empty = Some(context.waker().clone()),
        }
        Poll::Pending
    }
}

impl Drop for Wait {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            let mut state = self.flight.state();
            if let Some(waiter) = state.waiters.get_mut(place) {
                *waiter = None;
                state.free.push(place);
            }
        }
    }
}

/// Stops work from outside: its future is dropped at once, on the thread that says so, unless it is being polled at
/// that moment. So a child is killed before whoever cancels goes on, even where the process ends next.
#[derive(Clone, Default)]
pub(crate) struct Cancel(Arc<CancelState>);

#[derive(Default)]
struct CancelState {
    cancelled: AtomicBool,
    worker: Mutex<Option<Waker>>,
    work: Mutex<Option<BoxFuture<'static, ()>>>,
}

impl Cancel {
    /// Stops the work. What is being polled right now is dropped when that poll returns.
    pub(crate) fn cancel(&self) {
        self.0.cancelled.store(true, Ordering::SeqCst);
        self.drop_work();
        let worker = lock(&self.0.worker).take();
        if let Some(worker) = worker {
            worker.wake();
        }
    }

    /// The work, made to stop when told.
    pub(crate) fn guard(&self, work: BoxFuture<'static, ()>) -> BoxFuture<'static, ()> {
        *lock(&self.0.work) = Some(work);
        Box::pin(Guarded(self.clone()))
    }

    fn is_cancelled(&self) -> bool {
        self.0.cancelled.load(Ordering::SeqCst)
    }

    /// Drops the work, unless somebody polls it, who then does.
    fn drop_work(&self) {
        let work = match self.0.work.try_lock() {
            Ok(mut work) => work.take(),
            Err(TryLockError::Poisoned(broken)) => broken.into_inner().take(),
            Err(TryLockError::WouldBlock) => None,
        };
        drop(work);
    }
}

/// The work of a [`Cancel`], as an executor sees it.
struct Guarded(Cancel);

impl Future for Guarded {
    type Output = ();

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let state = &self.0.0;
        let old = lock(&state.worker).replace(context.waker().clone());
        drop(old);
        let poll = match lock(&state.work).as_mut() {
            Some(work) if !self.0.is_cancelled() => {
                let _here = InFlight::enter();
                work.as_mut().poll(context)
            }
            _ => Poll::Ready(()),
        };
        if poll.is_ready() || self.0.is_cancelled() {
            self.0.drop_work();
            return Poll::Ready(());
        }
        Poll::Pending
    }
}

impl Drop for Guarded {
    fn drop(&mut self) {
        self.0.drop_work();
    }
}

thread_local! {
    static IN_FLIGHT: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is polling the work of a flight: to block here is to wait for oneself.
pub(crate) fn is_in_flight() -> bool {
    IN_FLIGHT.get()
}

struct InFlight(bool);

impl InFlight {
    fn enter() -> Self {
        Self(IN_FLIGHT.replace(true))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        IN_FLIGHT.set(self.0);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The end of one caller's patience. Starts no timer before the first wait.
pub(crate) struct Deadline {
    span: Option<Duration>,
    timer: Option<Timer>,
}

struct Timer {
    shared: Arc<Mutex<TimerState>>,
    cancel: Cancel,
}

#[derive(Default)]
struct TimerState {
    over: bool,
    waiter: Option<Waker>,
}

impl Deadline {
    pub(crate) fn after(span: Option<Duration>) -> Self {
        Self { span, timer: None }
    }

    pub(crate) fn span(&self) -> Option<Duration> {
        self.span
    }

    /// Waits for `flight` no longer than the deadline; `None` where the time ran out first.
    pub(crate) async fn wait(&mut self, flight: &Arc<Flight>, system: &System) -> Option<Outcome> {
        let mut wait = flight.wait();
        let Some(span) = self.span else { return Some(wait.await) };
        let timer = self.timer.get_or_insert_with(|| Timer::start(span, system));
        std::future::poll_fn(|context| {
            if let Poll::Ready(outcome) = Pin::new(&mut wait).poll(context) {
                return Poll::Ready(Some(outcome));
            }
            let mut state = timer.shared.lock().unwrap_or_else(PoisonError::into_inner);
            if state.over {
                return Poll::Ready(None);
            }
            state.waiter = Some(context.waker().clone());
            Poll::Pending
        })
        .await
    }
}

impl Timer {
    fn start(span: Duration, system: &System) -> Self {
        let shared = Arc::new(Mutex::new(TimerState::default()));
        let cancel = Cancel::default();
        let sleep = system.clock().sleep(span);
        let over = Over(Arc::clone(&shared));
        let ring: BoxFuture<'static, ()> = Box::pin(async move {
            // Rings when the time is up, and also where the timer is dropped unfinished: nobody waits for ever.
            let _over = over;
            sleep.await;
        });
        system.spawner().spawn(cancel.guard(ring));
        Self { shared, cancel }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.cancel.cancel();
    }
}

struct Over(Arc<Mutex<TimerState>>);

impl Drop for Over {
    fn drop(&mut self) {
        let waiter = {
            let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            state.over = true;
            state.waiter.take()
        };
        if let Some(waiter) = waiter {
            waiter.wake();
        }
    }
}

/// Runs a future to its end on this thread, which sleeps between its steps.
pub(crate) fn block_on<T>(work: impl Future<Output = T>) -> T {
    struct Unpark(std::thread::Thread);

    impl std::task::Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }

    let waker = Waker::from(Arc::new(Unpark(std::thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut work = std::pin::pin!(work);
    loop {
        match work.as_mut().poll(&mut context) {
            Poll::Ready(done) => return done,
            Poll::Pending => std::thread::park(),
        }
    }
}
