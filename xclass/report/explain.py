"""The fixed texts of a report: how to read its numbers, and what they leave out."""

ACCURACY_CAVEAT = "Accuracy on this data, these classes, this split; it can be better or worse on yours."

HOW_TO_READ = """\
- **RSS** is what the kernel has given the process as resident memory: the number that a server must have.
  **Peak RSS** is the kernel's own high-water mark (VmHWM), reset when the phase begins: exact, not sampled.
- **Base** is the RSS after the engine was imported and warmed up and before any data: every run of this
  engine costs it, whatever the number of classes. **Imports** is the part of the base that importing the
  engine added to the bare interpreter.
- **Peak - base** is what the method itself needs, and what grows with classes and dimensions.
- **Closed form** is the prediction, made before the run: the bytes of each component alive at the worst
  moment of the phase, over the base. **Ratio** is measured peak - base over that prediction.
- **Heap peak** is what memray saw the program ask for, native code included. It leaves out file pages, and
  counts memory that was asked for and never touched, so it is not the RSS and is never added to it. Tracing
  slows a program down and changes its memory, therefore the heap is measured in a second, shortened run of
  the same phase, beside an equally short untraced one that shows what tracing costs: read no other time
  from it. Who held the heap is told by the innermost line of xclass on the stack. Most of a surplus of tens
  of MiB over the closed form is address space: the OpenBLAS inside numpy maps 32 MiB for each thread at its
  first product and touches little of it.
- **Anonymous** memory (arrays, the heap) must stay in RAM. **File pages** (memory-mapped models, libraries)
  are reclaimable: the kernel can drop them and read them again from disk, slower. A server needs the
  anonymous part and, to be fast, the file part. The two peaks are sampled and need not fall together, so
  that they need not add up to the peak RSS.
- Training and serving are different servers: the serve phase is a fresh process that loads the saved model
  from disk and answers queries.
- **Held** is the bytes that the method's own arrays occupied when the phase ended.
- GiB, MiB, KiB are powers of 1024. *Measured* was observed in this run; *predicted* was computed before
  it."""

LEFT_OUT = """\
- the operating system, and the page cache beyond the process's own mapped pages;
- the launcher (one small Python process) and the sampler, which run beside what is measured;
- replicas, load balancing, network and request parsing of a real service;
- any model that turns your raw input into vectors, unless it is named as the encoder above."""
