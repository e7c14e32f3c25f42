"""Writes a model of random weights with another's vocabulary, for `measure`.

    python random_model.py VOCABULARY.gguf OUT.gguf [HIDDEN LAYERS INTERMEDIATE]

What it writes is noise; how long it takes is that of a model of its size (about 50 million
weights unless told otherwise, Q8_0). Needs the packages `gguf` and `numpy`.
"""

import sys

import numpy
from gguf import GGMLQuantizationType, GGUFReader, GGUFWriter, GGUFValueType
from gguf.quants import quantize

source, out = sys.argv[1:3]
hidden, layers, inner = map(int, sys.argv[3:6]) if len(sys.argv) > 3 else (576, 12, 1536)
head_dim, heads = 64, hidden // 64
kv_heads = next(n for n in (4, 3, 2, 1) if heads % n == 0)

reader = GGUFReader(source)
writer = GGUFWriter(out, "llama")
for name, field in reader.fields.items():
    if name.startswith("tokenizer."):
        if field.types[0] == GGUFValueType.ARRAY:
            writer.add_array(name, field.contents())
        else:
            writer.add_key_value(name, field.contents(), field.types[0])
vocabulary = len(reader.get_field("tokenizer.ggml.tokens").contents())
writer.add_name("random")
writer.add_context_length(8192)
writer.add_embedding_length(hidden)
writer.add_block_count(layers)
writer.add_feed_forward_length(inner)
writer.add_head_count(heads)
writer.add_head_count_kv(kv_heads)
writer.add_layer_norm_rms_eps(1e-5)
writer.add_rope_dimension_count(head_dim)
writer.add_rope_freq_base(10000.0)
writer.add_vocab_size(vocabulary)

random = numpy.random.default_rng(7)
weights = 0


def matrix(name, rows, columns):
    global weights
    weights += rows * columns
    values = random.normal(0, 1.2 / columns**0.5, (rows, columns)).astype(numpy.float32)
    kind = GGMLQuantizationType.Q8_0
    writer.add_tensor(name, quantize(values, kind), raw_dtype=kind)


def ones(name):
    writer.add_tensor(name, numpy.ones(hidden, dtype=numpy.float32))


matrix("token_embd.weight", vocabulary, hidden)
ones("output_norm.weight")
for layer in range(layers):
    block = f"blk.{layer}."
    ones(block + "attn_norm.weight")
    matrix(block + "attn_q.weight", heads * head_dim, hidden)
    matrix(block + "attn_k.weight", kv_heads * head_dim, hidden)
    matrix(block + "attn_v.weight", kv_heads * head_dim, hidden)
    matrix(block + "attn_output.weight", hidden, heads * head_dim)
    ones(block + "ffn_norm.weight")
    matrix(block + "ffn_gate.weight", inner, hidden)
    matrix(block + "ffn_up.weight", inner, hidden)
    matrix(block + "ffn_down.weight", hidden, inner)
writer.write_header_to_file()
writer.write_kv_data_to_file()
writer.write_tensors_to_file()
writer.close()
print(f"{weights / 1e6:.1f} million weights, vocabulary of {vocabulary}")
