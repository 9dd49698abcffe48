//! The board's part: a serial line, a heap that counts, and a timer that counts instructions.

use alloc::string::String;
use core::{
    alloc::{GlobalAlloc, Layout},
    fmt::{self, Write},
    mem::MaybeUninit,
    panic::PanicInfo,
    ptr,
    sync::atomic::{AtomicUsize, Ordering},
};

use cortex_m::peripheral::{SYST, syst::SystClkSource};
use cortex_m_rt::entry;
use cortex_m_semihosting::debug;
use embedded_alloc::LlffHeap;

use crate::session::Session;

/// The model, as `pocketrec-board train` wrote it: it stays in flash.
static MODEL: &[u8] = include_bytes!(env!("MODEL"));

/// Bytes of the heap: all that there is for the model and what it works with.
const HEAP: usize = 256 << 10;

#[global_allocator]
static ALLOCATOR: Counted = Counted {
    heap: LlffHeap::empty(),
    live: AtomicUsize::new(0),
    peak: AtomicUsize::new(0),
};

#[entry]
fn main() -> ! {
    static mut MEMORY: [MaybeUninit<u8>; HEAP] = [MaybeUninit::uninit(); HEAP];
    // SAFETY: nothing else uses these bytes, and it is done once, before the first allocation.
    unsafe { ALLOCATOR.heap.init(MEMORY.as_mut_ptr() as usize, HEAP) }
    let mut line = Uart::enabled();
    let mut timer = Timer::started();
    let mut session = match timer.counted(|| Session::new(MODEL)) {
        (Ok(session), instructions) => {
            line.count("load", instructions);
            session
        }
        (Err(error), _) => stop(&mut line, format_args!("{error}")),
    };
    let mut request = String::new();
    loop {
        match line.read() {
            b'\n' => {
                let (answer, instructions) = timer.counted(|| session.answer(&request));
                let _ = writeln!(line, "{answer}");
                line.count(request.split(' ').next().unwrap_or_default(), instructions);
                request.clear();
            }
            END => break,
            // A line that never ends must not fill the memory.
            byte if request.len() < 80 => request.push(byte.into()),
            _ => {}
        }
    }
    debug::exit(debug::EXIT_SUCCESS);
    loop {}
}

/// The byte that ends the program: end of transmission.
const END: u8 = 4;

/// The first serial port, a CMSDK APB UART.
struct Uart {
    registers: *mut u32,
}

impl Uart {
    const DATA: usize = 0;
    const STATE: usize = 1;
    const CONTROL: usize = 2;
    const DIVIDER: usize = 4;
    const SENDING: u32 = 1;
    const RECEIVED: u32 = 2;

    /// The only one: nothing else may use the port.
    fn enabled() -> Self {
        let mut uart = Uart {
            registers: 0x4000_4000 as *mut u32,
        };
        uart.write(Self::DIVIDER, 217); // 115,200 baud at 25 MHz
        uart.write(Self::CONTROL, 3); // sends and receives
        uart
    }

    fn register(&self, register: usize) -> u32 {
        // SAFETY: the registers are there on this board, and reading them is what they are for.
        unsafe { ptr::read_volatile(self.registers.add(register)) }
    }

    fn write(&mut self, register: usize, value: u32) {
        // SAFETY: as above.
        unsafe { ptr::write_volatile(self.registers.add(register), value) }
    }

    /// Waits for a byte.
    fn read(&mut self) -> u8 {
        while self.register(Self::STATE) & Self::RECEIVED == 0 {}
        self.register(Self::DATA) as u8
    }

    /// What a request took, on a line that is no answer.
    fn count(&mut self, what: &str, instructions: u64) {
        let [live, peak] = [&ALLOCATOR.live, &ALLOCATOR.peak].map(|bytes| bytes.load(Ordering::Relaxed));
        let _ = writeln!(
            self,
            "# {what}: {instructions} instructions; heap {live} bytes, {peak} at most"
        );
    }
}

impl fmt::Write for Uart {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for byte in text.bytes() {
            while self.register(Self::STATE) & Self::SENDING != 0 {}
            self.write(Self::DATA, byte.into());
        }
        Ok(())
    }
}

/// Counts instructions: qemu's clock goes on by a nanosecond an instruction (`-icount shift=0`), this one at 25 MHz.
struct Timer(SYST);

impl Timer {
    const INSTRUCTIONS_A_TICK: u64 = 40;
    const TICKS: u32 = 0x00ff_ffff;

    fn started() -> Self {
        // SAFETY: the only use of the core's peripherals.
        let mut timer = unsafe { cortex_m::Peripherals::steal() }.SYST;
        timer.set_clock_source(SystClkSource::Core);
        timer.set_reload(Self::TICKS);
        timer.clear_current();
        timer.enable_counter();
        Timer(timer)
    }

    /// What `run` gives, and how many instructions it took, to 40 and up to 671 million.
    fn counted<T>(&mut self, run: impl FnOnce() -> T) -> (T, u64) {
        let before = SYST::get_current();
        let done = run();
        let ticks = before.wrapping_sub(SYST::get_current()) & Self::TICKS;
        (done, u64::from(ticks) * Self::INSTRUCTIONS_A_TICK)
    }
}

/// A heap that knows how much is in use, and how much was at most.
struct Counted {
    heap: LlffHeap,
    live: AtomicUsize,
    peak: AtomicUsize,
}

// SAFETY: all blocks are those of the heap within.
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: as the caller promises.
        let block = unsafe { self.heap.alloc(layout) };
        if !block.is_null() {
            let live = self.live.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
            self.peak.fetch_max(live, Ordering::Relaxed);
        }
        block
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        self.live.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as the caller promises.
        unsafe { self.heap.dealloc(block, layout) }
    }
}

#[panic_handler]
fn panicked(info: &PanicInfo) -> ! {
    stop(&mut Uart::enabled(), format_args!("{info}"))
}

/// Says what is wrong, and ends the program.
fn stop(line: &mut Uart, why: fmt::Arguments) -> ! {
    let _ = writeln!(line, "error: {why}");
    debug::exit(debug::EXIT_FAILURE);
    loop {}
}
