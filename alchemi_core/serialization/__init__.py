"""Saving and rebuilding pipelines: a JSON document and tensors in one safetensors file, never pickle."""
