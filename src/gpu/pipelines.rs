//! The shaders' sources, and pipelines built of them: each once a device.

use std::{
    borrow::Cow,
    collections::HashMap,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use super::cooperative::{Cooperative, Side};

/// A module: files of `shaders/`, one behind the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Shader {
    /// Embedding look-up.
    Gather,
    /// Linear layer: forward, and the gradient of its input.
    Linear,
    /// Gradients of weights and biases.
    LinearWeightGradient,
    /// `Linear` in mixed precision, by matrices that subgroups hold.
    LinearMixed(Side),
    /// `LinearWeightGradient` in mixed precision.
    LinearWeightGradientMixed(Side),
    /// Numeric features.
    Numeric,
    /// Elementwise product.
    Product,
    /// Sum of columns.
    Sum,
    /// Sum or mean of a sample's steps.
    Pool,
    /// Random zeros.
    Dropout,
    /// Second order of a factorisation machine.
    Fm,
    /// PReLU.
    Prelu,
    /// Batch normalisation.
    BatchNorm,
    /// Scale and shift.
    Affine,
    /// Dice.
    Dice,
    /// Operands of DIN's attention unit.
    AttentionUnit,
    /// Their weight, folded.
    AttentionUnitWeights,
    /// Softmax over steps.
    Softmax,
    /// Weighted sum of steps.
    Attention,
    /// Recurrence of a recurrent layer.
    Gru,
    /// What scores do to a recurrent layer's input, and their gradients.
    GruScores,
    /// The last step of a sample.
    LastStep,
    /// Each step's state beside the next item.
    PairWithNext,
    /// DIEN's auxiliary loss.
    Auxiliary,
    /// The loss.
    SigmoidCrossEntropy,
    /// Sparse update by Adam.
    RowUpdateAdam,
    /// Sparse update by SGD.
    RowUpdateSgd,
    /// Update of weights and biases by Adam.
    DenseUpdateAdam,
    /// Update of weights and biases by SGD.
    DenseUpdateSgd,
    /// Samples drawn from positives.
    Sampler,
    /// Samples in the order of their ids.
    Sort,
    /// Runs of equal ids in that order.
    Segments,
    /// Pairs of users and all items, and their scores.
    Catalogue,
    /// The best items of a user.
    TopK,
    /// The rank of one of them.
    Rank,
}

macro_rules! source {
    ($($file:literal),*) => {
        concat!(include_str!("../../shaders/prelude.wgsl") $(, include_str!(concat!("../../shaders/", $file, ".wgsl")))*)
    };
}

/// The same for both sizes of matrices, which come first: extensions are turned on before anything is declared.
macro_rules! mixed_source {
    ($side:expr, $($file:literal),*) => {
        match $side {
            Side::Eight => concat!(include_str!("../../shaders/cooperative_8x8.wgsl"), source!("mixed", $($file),*)),
            Side::Sixteen => concat!(include_str!("../../shaders/cooperative_16x16.wgsl"), source!("mixed", $($file),*)),
        }
    };
}

impl Shader {
    /// All of them.
    pub const ALL: [Shader; 37] = [
        Shader::Gather,
        Shader::Linear,
        Shader::LinearWeightGradient,
        Shader::LinearMixed(Side::Eight),
        Shader::LinearMixed(Side::Sixteen),
        Shader::LinearWeightGradientMixed(Side::Eight),
        Shader::LinearWeightGradientMixed(Side::Sixteen),
        Shader::Numeric,
        Shader::Product,
        Shader::Sum,
        Shader::Pool,
        Shader::Dropout,
        Shader::Fm,
        Shader::Prelu,
        Shader::BatchNorm,
        Shader::Affine,
        Shader::Dice,
        Shader::AttentionUnit,
        Shader::AttentionUnitWeights,
        Shader::Softmax,
        Shader::Attention,
        Shader::Gru,
        Shader::GruScores,
        Shader::LastStep,
        Shader::PairWithNext,
        Shader::Auxiliary,
        Shader::SigmoidCrossEntropy,
        Shader::RowUpdateAdam,
        Shader::RowUpdateSgd,
        Shader::DenseUpdateAdam,
        Shader::DenseUpdateSgd,
        Shader::Sampler,
        Shader::Sort,
        Shader::Segments,
        Shader::Catalogue,
        Shader::TopK,
        Shader::Rank,
    ];

    /// The op, as its file is called.
    pub fn name(self) -> &'static str {
        match self {
            Shader::Gather => "gather",
            Shader::Linear | Shader::LinearWeightGradient => "linear",
            Shader::LinearMixed(_) | Shader::LinearWeightGradientMixed(_) => "linear",
            Shader::Numeric => "numeric",
            Shader::Product => "product",
            Shader::Sum => "sum",
            Shader::Pool => "pool",
            Shader::Dropout => "dropout",
            Shader::Fm => "fm",
            Shader::Prelu => "prelu",
            Shader::BatchNorm => "batch_norm",
            Shader::Affine => "affine",
            Shader::Dice => "dice",
            Shader::AttentionUnit | Shader::AttentionUnitWeights => "attention_unit",
            Shader::Softmax => "softmax",
            Shader::Attention => "attention",
            Shader::Gru | Shader::GruScores => "gru",
            Shader::LastStep => "last_step",
            Shader::PairWithNext => "pair_with_next",
            Shader::Auxiliary => "auxiliary",
            Shader::SigmoidCrossEntropy => "sigmoid_cross_entropy",
            Shader::RowUpdateAdam | Shader::RowUpdateSgd => "row_update",
            Shader::DenseUpdateAdam | Shader::DenseUpdateSgd => "dense_update",
            Shader::Sampler => "sampler",
            Shader::Sort => "sort",
            Shader::Segments => "segments",
            Shader::Catalogue => "catalogue",
            Shader::TopK => "top_k",
            Shader::Rank => "rank",
        }
    }

    /// The module's WGSL.
    pub fn source(self) -> &'static str {
        match self {
            Shader::Gather => source!("gather"),
            Shader::Linear => source!("sigmoid", "linear_operands", "linear"),
            Shader::LinearWeightGradient => source!("linear_weight_gradient_operands", "linear_weight_gradient"),
            Shader::LinearMixed(side) => mixed_source!(side, "sigmoid", "linear_operands", "linear_mixed"),
            Shader::LinearWeightGradientMixed(side) => {
                mixed_source!(side, "linear_weight_gradient_operands", "linear_weight_gradient_mixed")
            }
            Shader::Numeric => source!("numeric"),
            Shader::Product => source!("product"),
            Shader::Sum => source!("sum"),
            Shader::Pool => source!("pool"),
            Shader::Dropout => source!("threefry", "dropout"),
            Shader::Fm => source!("fm"),
            Shader::Prelu => source!("column_sums", "prelu"),
            Shader::BatchNorm => source!("column_sums", "batch_norm"),
            Shader::Affine => source!("column_sums", "affine"),
            Shader::Dice => source!("sigmoid", "column_sums", "dice"),
            Shader::AttentionUnit => source!("sigmoid", "attention_unit"),
            Shader::AttentionUnitWeights => source!("attention_unit_weights"),
            Shader::Softmax => source!("softmax"),
            Shader::Attention => source!("attention"),
            Shader::Gru => source!("sigmoid", "tanh", "gru"),
            Shader::GruScores => source!("gru_scores"),
            Shader::LastStep => source!("last_step"),
            Shader::PairWithNext => source!("pair_with_next"),
            Shader::Auxiliary => source!("cross_entropy", "auxiliary"),
            Shader::SigmoidCrossEntropy => source!("cross_entropy", "sigmoid_cross_entropy"),
            Shader::RowUpdateAdam => source!("adam", "row_update"),
            Shader::RowUpdateSgd => source!("sgd", "row_update"),
            Shader::DenseUpdateAdam => source!("adam", "dense_update"),
            Shader::DenseUpdateSgd => source!("sgd", "dense_update"),
            Shader::Sampler => source!("batch", "threefry", "sampler"),
            Shader::Sort => source!("batch", "scan", "sort"),
            Shader::Segments => source!("batch", "scan", "segments"),
            Shader::Catalogue => source!("search", "catalogue"),
            Shader::TopK => source!("search", "scan", "top_k"),
            Shader::Rank => source!("search", "rank"),
        }
    }
}

/// The tile of a matrix product: threads along its columns and rows, and the depth that is in workgroup memory at a
/// time. What a thread holds is fixed in the shader: 8 rows by 4 columns. Of a recurrence: threads of a sample, and samples.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tile {
    /// Threads along the columns.
    pub wx: u32,
    /// Threads along the rows.
    pub wy: u32,
    /// Of the inner dimension: in vec4s for `linear`, in samples for `linear_weight_gradient`. Units of a thread for `gru`.
    pub depth: u32,
}

impl Tile {
    /// All tiles of `linear`, wide to narrow: for whole batches, then for few rows.
    pub const LINEAR: [Tile; 10] = [
        Tile::new(16, 16, 4),
        Tile::new(8, 16, 4),
        Tile::new(4, 16, 4),
        Tile::new(2, 32, 2),
        Tile::new(1, 32, 2),
        Tile::new(16, 4, 4),
        Tile::new(8, 4, 4),
        Tile::new(4, 8, 4),
        Tile::new(2, 16, 4),
        Tile::new(1, 32, 2),
    ];

    /// All tiles of `linear_weight_gradient`.
    pub const WEIGHT_GRADIENT: [Tile; 6] = [
        Tile::new(16, 16, 16),
        Tile::new(32, 8, 16),
        Tile::new(32, 4, 16),
        Tile::new(32, 1, 16),
        Tile::new(8, 8, 16),
        Tile::new(8, 1, 16),
    ];

    /// All tiles of `gru`, narrow to wide. The widest takes all the workgroup memory that WebGPU promises.
    pub const GRU: [Tile; 7] = [
        Tile::new(16, 4, 1),
        Tile::new(32, 2, 1),
        Tile::new(64, 1, 1),
        Tile::new(128, 1, 1),
        Tile::new(256, 1, 1),
        Tile::new(256, 1, 2),
        Tile::new(256, 1, 4),
    ];

    const fn new(wx: u32, wy: u32, depth: u32) -> Self {
        Tile { wx, wy, depth }
    }

    /// The tile of `linear` for `columns` vec4s of output; `few` where there are too few rows for many tall tiles.
    pub fn linear(columns: u32, few: bool) -> Tile {
        let widths = if few { &Tile::LINEAR[5..] } else { &Tile::LINEAR[..5] };
        let wide_enough = widths.iter().rev().find(|tile| tile.wx >= columns);
        *wide_enough.unwrap_or(&widths[0])
    }

    /// The tile of `linear_weight_gradient` for a weight of so many vec4s of outputs and inputs.
    pub(super) fn weight_gradient(outputs: u32, inputs: u32) -> Tile {
        let [square, flat, flatter, row, small, small_row] = Tile::WEIGHT_GRADIENT;
        match (outputs, inputs) {
            (0..=2, 0..=8) => small_row,
            (0..=2, _) => row,
            (_, 0..=8) => small,
            (3..=8, _) => flatter,
            (9..=16, _) => flat,
            _ => square,
        }
    }

    /// The tile of `gru` for states of so many vec4s; nothing where they are too wide for workgroup memory.
    pub(super) fn gru(states: u32) -> Option<Tile> {
        let holds = |tile: &Tile| tile.wx * tile.depth / 4 >= states;
        Tile::GRU.into_iter().find(holds)
    }

    /// The values of the shader's `override` constants.
    pub fn constants(self) -> [(&'static str, f64); 3] {
        [
            ("WX", self.wx.into()),
            ("WY", self.wy.into()),
            ("DEPTH", self.depth.into()),
        ]
    }

    /// Rows of `linear`'s output that a workgroup makes.
    pub fn rows(self) -> u32 {
        8 * self.wy
    }
}

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    shader: Shader,
    entry: &'static str,
    tile: Option<Tile>,
}

/// The modules and pipelines of a device.
pub(super) struct Pipelines {
    checked: bool,
    cooperative: Option<Cooperative>,
    modules: Mutex<HashMap<Shader, wgpu::ShaderModule>>,
    pipelines: Mutex<HashMap<Key, wgpu::ComputePipeline>>,
    created: AtomicU64,
}

impl Pipelines {
    pub fn new(checked: bool, cooperative: Option<Cooperative>) -> Self {
        Pipelines {
            checked,
            cooperative,
            modules: Mutex::default(),
            pipelines: Mutex::default(),
            created: AtomicU64::new(0),
        }
    }

    pub fn created(&self) -> u64 {
        self.created.load(Ordering::Relaxed)
    }

    /// The pipeline of an entry point.
    pub fn get(
        &self,
        device: &wgpu::Device,
        shader: Shader,
        entry: &'static str,
        tile: Option<Tile>,
    ) -> wgpu::ComputePipeline {
        let key = Key { shader, entry, tile };
        let mut pipelines = self.pipelines.lock().unwrap_or_else(PoisonError::into_inner);
        let build = || self.build(device, key);
        pipelines.entry(key).or_insert_with(build).clone()
    }

    fn build(&self, device: &wgpu::Device, key: Key) -> wgpu::ComputePipeline {
        let mut modules = self.modules.lock().unwrap_or_else(PoisonError::into_inner);
        let module = modules
            .entry(key.shader)
            .or_insert_with(|| self.module(device, key.shader));
        let of_tile = key.tile.map(Tile::constants);
        let constants: &[(&str, f64)] = match (key.shader, &self.cooperative) {
            (Shader::LinearMixed(_) | Shader::LinearWeightGradientMixed(_), Some(units)) => &units.constants(),
            _ => of_tile.as_ref().map_or(&[], |constants| &constants[..]),
        };
        self.created.fetch_add(1, Ordering::Relaxed);
        device.create_compute_pipeline(&wgpu::ComputePipelineDescriptor {
            label: Some(key.entry),
            layout: None,
            module,
            entry_point: Some(key.entry),
            compilation_options: wgpu::PipelineCompilationOptions {
                constants,
                zero_initialize_workgroup_memory: false,
            },
            cache: None,
        })
    }

    fn module(&self, device: &wgpu::Device, shader: Shader) -> wgpu::ShaderModule {
        let descriptor = wgpu::ShaderModuleDescriptor {
            label: Some("pocketrec"),
            source: wgpu::ShaderSource::Wgsl(Cow::Borrowed(shader.source())),
        };
        if self.checked {
            return device.create_shader_module(descriptor);
        }
        // SAFETY: without checks a shader must form no index outside its buffers and must come to an end. The source is one of
        // this crate's own, and all that its indices and loops are made of is settled before a dispatch:
        // - Rows and columns stay below the shapes that the buffers were sized by: threads beyond them write nothing, and
        //   what a tile reads beyond its matrix stays within the buffer or is taken for zero.
        // - Ids are below the rows of their tables, offsets of sequences ascend, and known items and targets are items: the
        //   host has looked at each (`checks.rs`, `search.rs`). Orders and segments are those of these very ids, as
        //   `Batch::sort` made them and nothing has lent the ids out since (`Batch::is_sorted`), or the device made both, of
        //   positives whose users and items the host had looked at (`resident.rs`).
        // - No float that a caller gives or training makes becomes an index or bounds a loop; the one root of a float,
        //   in `segments.wgsl`, is of a count, bounded on both sides and then corrected in whole numbers.
        // - Loops run over those counts, halve a range, or walk along a cycle of a permutation back into its domain
        //   (`sampler.wgsl`); what is divided by, widths and counts of samples, is never zero.
        unsafe { device.create_shader_module_trusted(descriptor, wgpu::ShaderRuntimeChecks::unchecked()) }
    }
}
