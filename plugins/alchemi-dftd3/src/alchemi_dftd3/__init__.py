"""D3 dispersion for alchemi: s-dftd3 on the CPU, Warp kernels on CUDA."""
