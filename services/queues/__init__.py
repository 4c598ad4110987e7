"""The department queue, a library: lifecycle, store contract, its two stores, shared claims."""
