// RUN: sinter-opt %s -verify-diagnostics -split-input-file -sinter-prune-weights=pattern=block16x16:100

// Tests that a pattern that leaves nothing is refused with the grammar.

// expected-error @+1 {{--sparsity=block16x16:100: it is auto, none, blockRxC:PERCENT}}
module {
}
