//! Drawing and sorting of batches on the device, by itself.

use crate::{
    Error, Result,
    data::{Batch, Sampler, Segment},
    executor::Pending,
    gpu::{
        device::gpu::Gpu,
        memory::buffers::{Readback, STORAGE, upload},
        program::{
            dispatch::record,
            grid::Work,
            room::{COLUMN, Draw, HEADER, Room},
            spaces::samples_alone,
        },
        sampling::{maker::Maker, positives::Positives},
    },
};

/// Makes batches on a device: the twin of [`Sampler::fill`] and of [`Batch::sort`], with the same samples, order and
/// segments. Training makes them so without reading them back ([`step_drawn`](crate::executor::step_drawn));
/// here they come back.
///
/// ```
/// use pocketrec::{data::{Batch, Interactions, Sampler}, gpu::{BatchMaker, Gpu, GpuOptions, Select}};
/// let Ok(gpu) = Gpu::open(&Select::Any, GpuOptions::default()) else { return Ok(()) };
/// let sampler = Sampler::new(&Interactions::from_pairs(&[(0, 0), (0, 1), (1, 2)])?, 4, 42)?;
/// let (mut host, mut device) = (Batch::new(2, 8), Batch::new(2, 8));
/// sampler.fill(0, 8, 8, &mut host);
/// BatchMaker::sampling(&gpu, &sampler, 8).wait()?.fill(0, 8, 8, &mut device).wait()?;
/// assert_eq!(host.column(1).ids, device.column(1).ids);
/// assert_eq!(host.column(1).order, device.column(1).order);
/// # Ok::<(), pocketrec::Error>(())
/// ```
pub struct BatchMaker {
    gpu: Gpu,
    words: wgpu::Buffer,
    rows: Vec<usize>,
    positives: Option<Positives>,
    maker: Maker,
    readback: Readback,
}

impl BatchMaker {
    /// Sorts batches of up to `capacity` samples, whose columns pick from tables of `rows` rows each.
    ///
    /// # Errors
    /// [`Error::Device`] where they do not fit or the device is lost; [`Error::Config`] where there are no columns.
    pub fn new(gpu: &Gpu, rows: &[usize], capacity: u32) -> Result<Self> {
        Self::with(gpu, rows, capacity, None)
    }

    /// Draws batches of up to `capacity` samples as `sampler` does, and sorts them.
    ///
    /// # Errors
    /// Those of [`BatchMaker::new`].
    pub fn sampling<'a>(gpu: &'a Gpu, sampler: &'a Sampler, capacity: u32) -> Pending<'a, Self> {
        let rows = [sampler.positives().users(), sampler.positives().items()].map(|rows| rows as usize);
        Pending::start(async move { Self::with(gpu, &rows, capacity, Some(Positives::new(gpu, sampler).await?)) })
    }

    fn with(gpu: &Gpu, rows: &[usize], capacity: u32, positives: Option<Positives>) -> Result<Self> {
        if rows.is_empty() || capacity == 0 {
            return Err(Error::config("capacity", "a batch has a column and a sample at least"));
        }
        let room = Room {
            columns: rows.len(),
            capacity,
        };
        let words = gpu.buffer("batch", 4 * room.words(), STORAGE)?;
        Ok(BatchMaker {
            maker: Maker::new(gpu, &words, room, rows, positives.as_ref())?,
            gpu: gpu.clone(),
            words,
            rows: rows.to_vec(),
            positives,
            readback: Readback::default(),
        })
    }

    /// Sorts a batch in place of [`Batch::sort`].
    ///
    /// # Errors
    /// [`Error::Length`] where it has other columns or more samples than there is room for, [`Error::Id`] where an id lies
    /// outside its table, [`Error::Config`] where this one draws its samples, [`Error::Device`] where the device is lost.
    pub fn sort<'a>(&'a mut self, batch: &'a mut Batch) -> Pending<'a, ()> {
        Pending::start(self.sort_async(batch))
    }

    async fn sort_async(&mut self, batch: &mut Batch) -> Result<()> {
        if self.positives.is_some() {
            return Err(Error::config("batch", "this maker draws its samples; call fill"));
        }
        let room = self.maker.room;
        let length = |what: &str, expected, got| Error::Length {
            what: what.into(),
            expected,
            got,
        };
        if batch.columns().len() != room.columns {
            return Err(length("id columns", room.columns, batch.columns().len()));
        }
        if batch.len() > room.capacity as usize {
            return Err(length("samples at most", room.capacity as usize, batch.len()));
        }
        for (index, (column, &rows)) in batch.columns().iter().zip(&self.rows).enumerate() {
            if column.ids.len() != batch.len() {
                return Err(length("ids of a column, one a sample", batch.len(), column.ids.len()));
            }
            if let Some(&id) = column.ids.iter().find(|&&id| id as usize >= rows) {
                return Err(Error::Id {
                    column: format!("column {index}'s"),
                    id: id.into(),
                    rows: rows as u64,
                });
            }
        }
        for (index, column) in batch.columns().iter().enumerate() {
            let first = room.header(index)[0] as usize;
            upload(&self.gpu, &self.words, first, bytemuck::cast_slice(&column.ids)).await?;
        }
        upload(&self.gpu, &self.words, room.labels() as usize, batch.labels()).await?;
        self.make(room.draw(batch.len() as u32), batch.len() as u32).await?;
        self.read(batch.len(), batch).await
    }

    /// Fills a batch as [`Sampler::fill`] does.
    ///
    /// # Errors
    /// [`Error::Length`] where `count` is more than there is room for, [`Error::Config`] where this one has no sampler,
    /// [`Error::Device`] where the device is lost.
    pub fn fill<'a>(&'a mut self, epoch: u32, start: u64, count: usize, batch: &'a mut Batch) -> Pending<'a, ()> {
        Pending::start(self.fill_async((epoch, start), count, batch))
    }

    async fn fill_async(&mut self, (epoch, start): (u32, u64), count: usize, batch: &mut Batch) -> Result<()> {
        let Some(positives) = &self.positives else {
            return Err(Error::config("batch", "this maker has no sampler; call sort"));
        };
        let room = self.maker.room;
        let samples = positives.count(start, count);
        if samples > room.capacity {
            return Err(Error::Length {
                what: "samples at most".into(),
                expected: room.capacity as usize,
                got: samples as usize,
            });
        }
        let draw = positives.draw(room, epoch, start as u32, samples);
        batch.clear();
        self.make(draw, samples).await?;
        self.read(samples as usize, batch).await
    }

    /// Seconds of making a batch of `samples` samples, the first of epoch 0 or the last one sorted; measured for about
    /// so many `seconds`.
    ///
    /// # Errors
    /// [`Error::Device`] where the device is lost.
    pub fn seconds_each(&mut self, samples: u32, seconds: f64) -> Result<f64> {
        let room = self.maker.room;
        let samples = samples.min(room.capacity);
        let draw = match &self.positives {
            Some(positives) => positives.draw(room, 0, 0, samples.min(positives.sampled())),
            None => room.draw(samples),
        };
        Pending::start(self.make(draw, samples)).wait()?;
        let work = Work {
            rows: samples_alone(samples),
            slots: 0,
            columns: &[],
        };
        self.gpu.seconds_each(seconds, |encoder, times| {
            let lists = vec![&self.maker.dispatches[..]; times as usize];
            record(encoder, &lists, work, None);
        })
    }

    async fn make(&self, draw: Draw, samples: u32) -> Result<()> {
        self.gpu.check()?;
        let room = self.maker.room;
        let header: Vec<_> = (0..room.columns).map(|column| room.header(column)).collect();
        self.gpu
            .queue()
            .write_buffer(&self.words, 4 * HEADER as u64, bytemuck::cast_slice(&header));
        self.maker.set(&self.gpu, draw);
        let work = Work {
            rows: samples_alone(samples),
            slots: 0,
            columns: &[],
        };
        let mut encoder = self.gpu.device().create_command_encoder(&Default::default());
        record(&mut encoder, &[&self.maker.dispatches], work, None);
        let made = self.gpu.submit([encoder.finish()]);
        self.gpu.done(&made).await
    }

    async fn words(&mut self, first: u32, count: usize, to: &mut Vec<u32>) -> Result<()> {
        to.clear();
        let take = &mut |_: usize, piece: &[f32]| to.extend_from_slice(bytemuck::cast_slice(piece));
        let first = first as usize;
        self.readback.read(&self.gpu, &self.words, first, count, take).await
    }

    async fn read(&mut self, samples: usize, batch: &mut Batch) -> Result<()> {
        let room = self.maker.room;
        if batch.columns().len() != room.columns {
            *batch = Batch::new(room.columns, samples);
        }
        let mut words = Vec::new();
        for index in 0..room.columns {
            let header = (HEADER + COLUMN * index) as u32;
            self.words(header, COLUMN, &mut words).await?;
            let [ids, order, segments, count] = [words[0], words[1], words[2], words[3]];
            let count = if samples > 0 { count as usize } else { 0 };
            let column = &mut batch.parts_mut().0[index];
            self.words(ids, samples, &mut column.ids).await?;
            self.words(order, samples, &mut column.order).await?;
            self.words(segments, 3 * count, &mut words).await?;
            let segment = |words: &[u32]| Segment {
                row: words[0],
                start: words[1],
            };
            column.segments.clear();
            column.segments.extend(words.chunks_exact(3).map(segment));
        }
        self.words(room.labels(), samples, &mut words).await?;
        let labels = batch.parts_mut().1;
        labels.clear();
        labels.extend(words.iter().copied().map(f32::from_bits));
        batch.set_sorted();
        Ok(())
    }
}
