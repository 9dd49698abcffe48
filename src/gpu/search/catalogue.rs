//! Buffers and dispatches of searches of a whole catalogue.

use crate::gpu::shapes::uniform;
use crate::{
    Result,
    gpu::{
        device::gpu::Gpu,
        memory::buffers::STORAGE,
        program::{
            dispatch::{Dispatch, build},
            draft::{Draft, Reads},
            grid::Grid,
        },
        shaders::{Shader, shader},
        shapes::ViewShape,
    },
};

/// Pairs of users and all items, and their scores.
const CATALOGUE: Shader = shader!("catalogue", "search", "catalogue");
/// The best items of a user.
const TOP_K: Shader = shader!("top_k", "search", "scan", "top_k");
/// The rank of one of them.
const RANK: Shader = shader!("rank", "search", "rank");

/// All that are dispatched from here.
pub(crate) const SHADERS: &[Shader] = &[CATALOGUE, TOP_K, RANK];

uniform! {
    pub(crate) struct SearchUniform as Search {
        pub start: u32,
        pub rows: u32,
        pub items: u32,
        pub limit: u32,
        pub known: u32,
        pub k: u32,
        pub parts: u32,
        pub query: u32,
    }
}

/// Words of the buffers whose size depends on what is asked, and the parts of a user's items.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SearchSizes {
    pub keys: u64,
    pub users: u64,
    pub known: u64,
    pub found: u64,
    pub parts: u32,
}

impl SearchSizes {
    /// Whether what has these sizes serves a search that needs `other`.
    pub fn hold(self, other: SearchSizes) -> bool {
        self.parts == other.parts && self.max(other) == self
    }

    pub fn max(self, other: SearchSizes) -> SearchSizes {
        SearchSizes {
            keys: self.keys.max(other.keys),
            users: self.users.max(other.users),
            known: self.known.max(other.known),
            found: self.found.max(other.found),
            parts: other.parts,
        }
    }
}

/// Buffers and dispatches of searches up to a size.
pub(crate) struct Search {
    pub sizes: SearchSizes,
    pub uniform: wgpu::Buffer,
    pub users: wgpu::Buffer,
    pub targets: wgpu::Buffer,
    pub known: wgpu::Buffer,
    pub found: wgpu::Buffer,
    pub pairs: Vec<Dispatch>,
    pub collect: Vec<Dispatch>,
    pub mask: Vec<Dispatch>,
    pub best: Vec<Dispatch>,
    pub rank: Vec<Dispatch>,
}

impl Search {
    /// For a plan whose batch is in `inputs` and whose logits are in `logit` of `logits`.
    pub fn new(
        gpu: &Gpu,
        sizes: SearchSizes,
        inputs: &wgpu::Buffer,
        (logit, logits): (ViewShape, &wgpu::Buffer),
    ) -> Result<Search> {
        let words = |label: &str, words: u64| gpu.buffer(label, 4 * words, STORAGE);
        let usage = wgpu::BufferUsages::UNIFORM | wgpu::BufferUsages::COPY_DST;
        let uniform = gpu.buffer("search", size_of::<SearchUniform>() as u64, usage)?;
        let keys = words("keys of scores", sizes.keys)?;
        let (users, targets) = (words("users", sizes.users)?, words("targets", sizes.users)?);
        let (known, found) = (words("known items", sizes.known)?, words("found", sizes.found)?);
        let u = (5, &uniform);
        let each = |entry, buffers| {
            let (shader, grid) = (CATALOGUE, Grid::SAMPLES);
            let draft = match entry {
                "collect" => Draft::new(shader, entry, grid, Reads::Nothing, &logit, buffers),
                _ => Draft::new(shader, entry, grid, Reads::Nothing, &(), buffers),
            };
            build(gpu, inputs, vec![draft])
        };
        // A workgroup a part of each user.
        let grid = Grid::Tiles {
            space: 0,
            rows: 1,
            columns: sizes.parts,
        };
        let part = |shader, entry, buffers| {
            let draft = Draft::new(shader, entry, grid, Reads::Nothing, &(), buffers);
            build(gpu, inputs, vec![draft])
        };
        Ok(Search {
            pairs: each("pairs", vec![(3, inputs), (4, &users), u])?,
            collect: each("collect", vec![u, (6, logits), (7, &keys)])?,
            mask: each("mask", vec![u, (7, &keys), (8, &known)])?,
            best: part(TOP_K, "select_part", vec![(3, &keys), (4, &found), u])?,
            rank: part(RANK, "count_part", vec![(3, &keys), (4, &targets), u, (6, &found)])?,
            sizes,
            uniform,
            users,
            targets,
            known,
            found,
        })
    }
}
