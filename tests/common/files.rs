//! Checkpoint files taken apart and put together otherwise.

use std::collections::HashMap;

use pocketrec::train::ClickTrainer;
use safetensors::{Dtype, SafeTensors, serialize, tensor::TensorView};

/// Type, shape and bytes of tensors by name.
pub type Tensors = HashMap<String, (Dtype, Vec<usize>, Vec<u8>)>;

/// The file that a trainer of click-through models saves.
pub fn bytes_of(trainer: &mut ClickTrainer) -> Vec<u8> {
    let mut bytes = Vec::new();
    trainer.checkpoint().unwrap().write_to(&mut bytes).unwrap();
    bytes
}

/// Takes a good file apart, lets `edit` change it, and puts it together again.
pub fn edited(bytes: &[u8], edit: impl FnOnce(&mut Tensors, &mut HashMap<String, String>)) -> Vec<u8> {
    let (_, metadata) = SafeTensors::read_metadata(bytes).unwrap();
    let mut strings = metadata.metadata().clone().unwrap();
    let file = SafeTensors::deserialize(bytes).unwrap();
    let part = |view: TensorView| (view.dtype(), view.shape().to_vec(), view.data().to_vec());
    let mut tensors: Tensors = file
        .tensors()
        .into_iter()
        .map(|(name, view)| (name, part(view)))
        .collect();
    edit(&mut tensors, &mut strings);
    let views = tensors
        .iter()
        .map(|(name, (dtype, shape, data))| (name.clone(), TensorView::new(*dtype, shape.clone(), data).unwrap()));
    serialize(views, Some(strings)).unwrap()
}
