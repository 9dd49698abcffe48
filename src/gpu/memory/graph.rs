//! A graph on the device, and the rows of its nodes.

use std::sync::Arc;

use crate::{
    Error, Result,
    data::Graph,
    gpu::{
        device::gpu::Gpu,
        memory::{
            budget::check_host,
            buffers::{STORAGE, upload},
        },
    },
};

/// A graph on the device, with room for what is propagated along it.
pub(crate) struct GraphBuffers {
    pub graph: Arc<Graph>,
    /// Where each node's edges begin, and the last one's end.
    pub offsets: wgpu::Buffer,
    /// A neighbour and the bits of the weight, one behind the other.
    pub edges: wgpu::Buffer,
    /// Layers by turns, `[nodes, width]`; those of halves take half of the room, which gradients in floats need in the end.
    pub layers: [wgpu::Buffer; 2],
    /// What look-ups read, of the same shape.
    pub mean: wgpu::Buffer,
    /// Whether all of that belongs to the present parameters.
    pub is_whole: bool,
}

impl GraphBuffers {
    /// Of all of them on the device.
    pub fn bytes(&self) -> u64 {
        let [first, second] = &self.layers;
        let all = [&self.offsets, &self.edges, first, second, &self.mean];
        all.into_iter().map(wgpu::Buffer::size).sum()
    }

    /// Uploads a graph whose nodes have rows of `stride` vec4s.
    ///
    /// # Errors
    /// [`Error::Device`] where it, or the rows of its nodes, cannot be bound or do not fit.
    pub async fn new(gpu: &Gpu, graph: Arc<Graph>, stride: u32) -> Result<Self> {
        let rows = 16 * u64::from(stride) * graph.nodes() as u64;
        let edges = 8 * graph.neighbours().len().max(1) as u64;
        let offsets = 4 * graph.offsets().len() as u64;
        let most = gpu.max_binding();
        let parts = [
            ("the rows of all nodes", rows),
            ("the edges of the graph", edges),
            ("its nodes", offsets),
        ];
        for (what, bytes) in parts {
            if bytes > most {
                let name = gpu.name();
                return Err(Error::Device(format!(
                    "{what} take {bytes} bytes; {name} binds {most} at most"
                )));
            }
        }
        check_host(gpu, 3 * rows + edges + offsets, || {
            format!("a graph of {} nodes", graph.nodes())
        })?;
        let buffers = GraphBuffers {
            offsets: gpu.buffer("nodes", offsets, STORAGE)?,
            edges: gpu.buffer("edges", edges, STORAGE)?,
            layers: [
                gpu.buffer("a layer", rows, STORAGE)?,
                gpu.buffer("a layer", rows, STORAGE)?,
            ],
            mean: gpu.buffer("the mean of layers", rows, STORAGE)?,
            is_whole: false,
            graph,
        };
        // The binding's limit is below 2^34 bytes, so that an edge's place is a u32.
        let offsets: Vec<u32> = buffers.graph.offsets().iter().map(|&offset| offset as u32).collect();
        upload(gpu, &buffers.offsets, 0, bytemuck::cast_slice(&offsets)).await?;
        let edges = buffers.graph.neighbours().iter().zip(buffers.graph.weights());
        let edges: Vec<[u32; 2]> = edges
            .map(|(&neighbour, weight)| [neighbour, weight.to_bits()])
            .collect();
        upload(gpu, &buffers.edges, 0, bytemuck::cast_slice(&edges)).await?;
        Ok(buffers)
    }
}
