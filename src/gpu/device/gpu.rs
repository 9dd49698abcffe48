//! The adapter, its limits, and what went wrong with it.

use std::{
    fmt,
    future::Future,
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker},
};

use crate::{
    Error, Result,
    executor::Pending,
    gpu::{
        device::{
            adapters::{Adapter, Select, adapters, choose, name},
            cooperative::Cooperative,
            pipelines::Pipelines,
            trusted,
        },
        shaders::side::Side,
    },
};

/// How to use an adapter. The default is what training wants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GpuOptions {
    /// Has the driver check every access of a shader. Off by default: the tests run the shaders with checks on.
    pub checked: bool,
    /// Bytes of a buffer binding at most; the adapter's own limit by default. For tests of what happens beyond it.
    pub max_binding: Option<u64>,
    /// Samples of a submit at most, and steps of a sequence; chosen from the plan by default. For tests of batches cut into
    /// slices. Batch normalisation needs a batch in one.
    pub slice_rows: Option<u32>,
    /// Samples of a batch from which on the device draws and sorts it itself, where everything fits; 2,048 by default.
    /// That takes a step some 20 launches more, 0.07 to 0.2 ms at what launches cost; in that time the host draws 1,200 to
    /// 3,600 samples at 56 ns each, beside the device. Not measured on hardware yet.
    pub draw_from: Option<usize>,
    /// Bytes that an executor may take in all ([`Memory`](crate::gpu::Memory)); no bound by default, as adapters do not say how
    /// much memory they have. What is more is refused before it is allocated.
    pub max_memory: Option<u64>,
    /// Multiplies matrices in mixed precision, by the device's units for that: operands are rounded to f16, sums stay in
    /// f32, and so does all else. Widths under 8 or 16 stay in f32 altogether. Scores then differ from exact ones by some
    /// thousandths of the largest. [`Gpu::open`] refuses it where the adapter has no such units (cooperative matrices).
    pub mixed: bool,
}

/// What was created on a device so far: nothing more, once training is warm.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Created {
    /// Buffers.
    pub buffers: u64,
    /// Bytes of those that shaders write or read as storage.
    pub bytes: u64,
    /// Bind groups.
    pub bind_groups: u64,
    /// Pipelines.
    pub pipelines: u64,
}

/// An open graphics device; clones are the same one.
#[derive(Clone)]
pub struct Gpu(Arc<Inner>);

struct Inner {
    device: wgpu::Device,
    queue: wgpu::Queue,
    info: wgpu::AdapterInfo,
    /// What the adapter has, of which the device asks for less.
    adapter_limits: wgpu::Limits,
    adapter_features: wgpu::Features,
    options: GpuOptions,
    max_binding: u64,
    cooperative: Option<Cooperative>,
    fault: Arc<Mutex<Option<String>>>,
    /// Whether there was memory for buffers of which a browser has not told yet.
    asked: Mutex<Vec<(String, OutOfMemory)>>,
    pipelines: Pipelines,
    buffers: AtomicU64,
    bytes: AtomicU64,
    bind_groups: AtomicU64,
    reads: AtomicU64,
    /// Buffers that can still be made, for tests of what happens where memory is short.
    #[cfg(test)]
    left: AtomicU64,
}

/// Tells whether memory was short.
type OutOfMemory = Pin<Box<dyn Future<Output = Option<wgpu::Error>> + Send>>;

impl fmt::Debug for Gpu {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gpu")
            .field("name", &self.name())
            .field("options", &self.0.options)
            .finish()
    }
}

impl Gpu {
    /// Opens an adapter, and blocks until it is open.
    ///
    /// # Errors
    /// [`Error::Device`] where there is none that fits, with the names of those that there are, or where it lacks what the
    /// options need.
    pub fn open(select: &Select, options: GpuOptions) -> Result<Self> {
        Pending::start(Self::open_async(select, options)).wait()
    }

    /// [`open`](Gpu::open), to be awaited where a thread may not block.
    ///
    /// # Errors
    /// As there.
    pub async fn open_async(select: &Select, options: GpuOptions) -> Result<Self> {
        let adapter = choose(select).await?;
        let info = adapter.get_info();
        let has = adapter.limits();
        // WebGPU's defaults, but for the sizes of buffers: shaders and executor ask for no more anywhere.
        let mut limits = wgpu::Limits {
            max_buffer_size: has.max_buffer_size,
            max_storage_buffer_binding_size: has.max_storage_buffer_binding_size,
            ..wgpu::Limits::default()
        };
        if let Some(most) = options.max_binding {
            limits.max_storage_buffer_binding_size = limits.max_storage_buffer_binding_size.min(most);
        }
        let max_binding = limits.max_storage_buffer_binding_size.min(limits.max_buffer_size) / 256 * 256;
        let cooperative = match options.mixed {
            true => Some(Cooperative::of(&adapter).map_err(|lacks| {
                let name = name(&info);
                Error::Device(format!(
                    "mixed precision: {name} lacks {lacks}; leave it off, or take another device"
                ))
            })?),
            false => None,
        };
        // For profiles alone; what trains in f32 needs no feature.
        let mut features = adapter.features() & wgpu::Features::TIMESTAMP_QUERY;
        let mut experimental = wgpu::ExperimentalFeatures::disabled();
        if cooperative.is_some() {
            features |= Cooperative::FEATURES;
            limits.max_compute_workgroup_storage_size = Cooperative::WORKGROUP_BYTES;
            experimental = trusted::experimental_features();
        }
        let descriptor = wgpu::DeviceDescriptor {
            label: Some("pocketrec"),
            required_features: features,
            required_limits: limits,
            experimental_features: experimental,
            ..Default::default()
        };
        let opened = adapter.request_device(&descriptor).await;
        let (device, queue) =
            opened.map_err(|error| Error::Device(format!("{} cannot be used: {error}", name(&info))))?;
        let fault: Arc<Mutex<Option<String>>> = Arc::default();
        let note = |fault: &Arc<Mutex<Option<String>>>, text: String| {
            fault.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(text);
        };
        let lost = Arc::clone(&fault);
        device.set_device_lost_callback(move |reason, message| note(&lost, format!("lost ({reason:?}): {message}")));
        let failed = Arc::clone(&fault);
        device.on_uncaptured_error(Arc::new(move |error| note(&failed, format!("failed: {error}"))));
        Ok(Gpu(Arc::new(Inner {
            pipelines: Pipelines::new(options.checked, cooperative),
            device,
            queue,
            info,
            adapter_limits: has,
            adapter_features: adapter.features(),
            options,
            max_binding,
            cooperative,
            fault,
            asked: Mutex::default(),
            buffers: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
            bind_groups: AtomicU64::new(0),
            reads: AtomicU64::new(0),
            #[cfg(test)]
            left: AtomicU64::new(u64::MAX),
        })))
    }

    /// Names of all adapters, best first.
    pub fn names() -> Vec<String> {
        let names = async {
            Ok(adapters()
                .await
                .iter()
                .map(|adapter| name(&adapter.get_info()))
                .collect())
        };
        Pending::start(names).wait().unwrap_or_default()
    }

    /// The adapter, its backend and its driver.
    pub fn name(&self) -> String {
        name(&self.0.info)
    }

    /// Whether it is a program that only plays a graphics device.
    pub fn is_software(&self) -> bool {
        self.0.info.device_type == wgpu::DeviceType::Cpu
    }

    /// Whether it has memory of its own.
    pub fn is_discrete(&self) -> bool {
        self.0.info.device_type == wgpu::DeviceType::DiscreteGpu
    }

    /// Whether both are one open device.
    pub fn is_same(&self, other: &Gpu) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// How it is used.
    pub fn options(&self) -> &GpuOptions {
        &self.0.options
    }

    /// Bytes of a buffer at most, so that a shader can bind it whole.
    pub fn max_binding(&self) -> u64 {
        self.0.max_binding
    }

    /// The matrices of mixed precision, where it was asked for.
    pub(crate) fn mixed(&self) -> Option<Side> {
        self.0.cooperative.map(|units| units.side)
    }

    /// What was created so far.
    pub fn created(&self) -> Created {
        Created {
            buffers: self.0.buffers.load(Ordering::Relaxed),
            bytes: self.0.bytes.load(Ordering::Relaxed),
            bind_groups: self.0.bind_groups.load(Ordering::Relaxed),
            pipelines: self.0.pipelines.created(),
        }
    }

    /// How often something was read back so far. Each costs the way to the device and back, and in a browser a turn of its
    /// loop.
    pub fn reads(&self) -> u64 {
        self.0.reads.load(Ordering::Relaxed)
    }

    /// Counts what is read back.
    pub(crate) fn count_read(&self) {
        self.0.reads.fetch_add(1, Ordering::Relaxed);
    }

    /// Gives the device up, as if it had been lost: all that runs on it ends in errors from now on.
    pub fn destroy(&self) {
        self.0.device.destroy();
        let mut fault = self.0.fault.lock().unwrap_or_else(PoisonError::into_inner);
        fault.get_or_insert("lost: it was destroyed".into());
    }

    /// Whether it still works.
    ///
    /// # Errors
    /// [`Error::Device`] with what happened, where it was lost or has failed.
    pub fn check(&self) -> Result<()> {
        self.note_refused_buffers();
        let fault = self.0.fault.lock().unwrap_or_else(PoisonError::into_inner);
        match &*fault {
            None => Ok(()),
            Some(fault) => Err(Error::Device(format!(
                "{} {fault}; build an executor anew from the last state kept on the host, on this device or another",
                self.name()
            ))),
        }
    }

    /// What the adapter says of itself.
    pub fn adapter(&self) -> Adapter {
        Adapter::new(&self.0.info, &self.0.adapter_limits, self.0.adapter_features)
    }

    pub(crate) fn device(&self) -> &wgpu::Device {
        &self.0.device
    }

    pub(crate) fn queue(&self) -> &wgpu::Queue {
        &self.0.queue
    }

    pub(crate) fn pipelines(&self) -> &Pipelines {
        &self.0.pipelines
    }

    /// Bytes of a buffer that is asked for as one of `bytes`: whole vec4s, one at least.
    pub(crate) fn allocated(bytes: u64) -> u64 {
        bytes.max(16).next_multiple_of(16)
    }

    /// How many hold it.
    #[cfg(test)]
    pub(crate) fn holders(&self) -> usize {
        Arc::strong_count(&self.0)
    }

    /// Lets so many buffers more be made.
    #[cfg(test)]
    pub(crate) fn fail_after(&self, buffers: u64) {
        self.0.left.store(buffers, Ordering::Relaxed);
    }

    /// A buffer of `bytes` bytes, rounded up to whole vec4s, at first zero.
    pub(crate) fn buffer(&self, label: &str, bytes: u64, usage: wgpu::BufferUsages) -> Result<wgpu::Buffer> {
        let size = Self::allocated(bytes);
        let most = match usage.contains(wgpu::BufferUsages::STORAGE) {
            true => self.max_binding(),
            false => self.0.device.limits().max_buffer_size,
        };
        if size > most {
            let name = self.name();
            return Err(Error::Device(format!(
                "{label} takes {size} bytes; a buffer of {name} holds {most} at most"
            )));
        }
        #[cfg(test)]
        if self.0.left.fetch_sub(1, Ordering::Relaxed) == 0 {
            self.fail_after(0);
            return Err(Error::Device(format!(
                "no {size} bytes are left for {label} in this test"
            )));
        }
        let scope = self.0.device.push_error_scope(wgpu::ErrorFilter::OutOfMemory);
        let descriptor = wgpu::BufferDescriptor {
            label: Some(label),
            size,
            usage,
            mapped_at_creation: false,
        };
        let buffer = self.0.device.create_buffer(&descriptor);
        self.0.buffers.fetch_add(1, Ordering::Relaxed);
        if usage.contains(wgpu::BufferUsages::STORAGE) {
            self.0.bytes.fetch_add(size, Ordering::Relaxed);
        }
        let mut refused: OutOfMemory = Box::pin(scope.pop());
        match refused.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(None) => self.check().map(|()| buffer),
            Poll::Ready(Some(_)) => Err(Error::Device(format!(
                "{} has no {size} bytes left for {label}",
                self.name()
            ))),
            // A browser tells later. Until then the buffer is taken to be there; if it is not, the device has failed.
            Poll::Pending => {
                let mut asked = self.0.asked.lock().unwrap_or_else(PoisonError::into_inner);
                asked.push((format!("failed: no {size} bytes are left for {label}"), refused));
                Ok(buffer)
            }
        }
    }

    /// Makes a fault of each buffer of which has been told since that there is no memory for it.
    fn note_refused_buffers(&self) {
        let mut asked = self.0.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.retain_mut(|(text, refused)| {
            let told = refused.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            if let Poll::Ready(Some(_)) = told {
                let mut fault = self.0.fault.lock().unwrap_or_else(PoisonError::into_inner);
                fault.get_or_insert(std::mem::take(text));
            }
            told.is_pending()
        });
    }

    /// A bind group for binding numbers and buffers.
    pub(crate) fn bind_group(
        &self,
        label: &str,
        layout: &wgpu::BindGroupLayout,
        bindings: &[(u32, wgpu::BufferBinding<'_>)],
    ) -> wgpu::BindGroup {
        let entries = bindings.iter().map(|(binding, buffer)| wgpu::BindGroupEntry {
            binding: *binding,
            resource: wgpu::BindingResource::Buffer(buffer.clone()),
        });
        let entries: Vec<_> = entries.collect();
        self.0.bind_groups.fetch_add(1, Ordering::Relaxed);
        self.0.device.create_bind_group(&wgpu::BindGroupDescriptor {
            label: Some(label),
            layout,
            entries: &entries,
        })
    }
}
