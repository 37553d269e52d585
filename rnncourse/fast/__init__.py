"""Whole sequences, arranged for the machine: the values of `cells` with `unroll`, in less time.

`lstm`, `gru` and `vanilla` have `forward` and `backward` over a whole sequence. Contract tests hold them to
the plain definition; read that first.
"""
