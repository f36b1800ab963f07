"""What ``--help`` prints."""

HELP = """\
xclass: compare classifiers with millions of classes, and measure the RAM they really need.

usage: python -m xclass [-m] [key=value ...]          (or the installed command: xclass ...)

  python -m xclass                                    three methods, 100 000 synthetic classes, 2 minutes
  python -m xclass +classes=5e6                       the same at 5 million classes
  python -m xclass data=text path=products.tsv        your own catalogue: columns text and class
  python -m xclass data=lemmas                        a real task: word form -> lemma, 3.03 million classes
  python -m xclass -m +classes=1e4,1e5,1e6            a sweep: one run per size, one report over all
  python -m xclass methods=[nearest_neighbour] index=ivf_sq8 index.target_recall=0.95
  python -m xclass +classes=5e6 dim=128 methods=[dense_softmax_autograd]      refused: does not fit

the problem
  classes=N              number of classes: 5e6, 5M, 5_000_000, int(5e6); with or without a leading +
                         default: synthetic 100 000; lemmas all there are (keeps the N most frequent)
  data=NAME              synthetic (default) | lemmas (needs the package simplemma; prepared once, minutes)
                         | text | xmc | embeddings: files of your own, path=FILE, and test=FILE if the test
                         examples are not to be a part of it (data.test_share=0.1)
  data=text path=FILE    a table: .tsv, .csv, .jsonl, each also .gz, or .parquet, or a folder of such, with
                         data.text_column=text data.class_column=class; several classes: a list, or
                         data.class_separator="|"
  data=xmc path=FILE     numbered features, a line each: 3,17 2:0.5 9:1.25 (classes, feature:value); also .gz
  data=embeddings path=FILE data.classes_path=FILE    vectors: .npy, .safetensors (larger than RAM, too), or
                         .parquet; classes: the same, or text with a line per vector (3 or 3,17)
  dim=64                 dimensions of an example and of a class vector; data=embeddings has its own
  seed=0                 equal seeds give equal data and queries
  seeds=[0,1,2]          the same run with each of them; one report with means and intervals over seeds
  data.bayes_accuracy=0.95   synthetic: accuracy of the best possible classifier
  data.examples_per_class=4  synthetic: training examples per class on average

the methods
  methods=[dense_softmax,sampled_softmax,nearest_neighbour]     what runs if nothing is said; besides them
      light, no dense vector per class     prior | knn | sparse_means | frozen_vectors | mach
      softmax, smaller or plain            hierarchical_softmax | adaptive_softmax | dense_softmax_autograd
      one model per class, label trees     linear_svm | boosting [boosting] | parabel [trees] | plt [trees]
                                           (in brackets: pip install 'xclass[boosting,trees]')
  bag.max_n=4            sparse_means, knn, linear_svm and others: longest n-gram of sparse features
  bag.weighting=idf|equal                                    equal for rows that are weighted already
  budget.minutes=0.3     gradient steps of each softmax head; null = no limit
  budget.examples=null   the same in examples; budget.minutes=0 keeps the initial class means
  batch_size=512         examples of one step           scan_batch_size=1024   of one chunk of the class means
  encoder.num_buckets=N  text only: rows of the hashed embedding table, a power of two (default 262144)
  method.dense_softmax.init=means|random                     same for the other softmax heads
  method.dense_softmax.loss=softmax|one_vs_all
  method.sampled_softmax.sampler=log_uniform|uniform|frequency|in_batch|mixed_uniform|mixed_frequency
  method.sampled_softmax.num_samples=4096     method.sampled_softmax.num_hard=0    hard negatives besides
  weights.dtype=float32|bfloat16              class vectors of the softmax heads; bfloat16 is half the bytes
  weights.storage=memory|memmap               memmap: larger than RAM, at the price of the disk
  index=NAME             flat (default) | sq8 | ivf_flat | ivf_sq8 | ivf_pq | opq_ivf_pq | hnsw | hnsw_sq8 |
                         rabitq1 | rabitq2 | rabitq3 | rabitq4 | ivf_rabitq4 | pq_fast_scan
  index.factory=IVF1024,SQ8     any FAISS factory string    index.rerank=200   second stage by float16 vectors
  index.target_recall=0.95      search effort tuned at the size served; or index.num_probes, .search_width
  index.shards=8         built piece by piece, one in memory at a time, and searched together; index.shard=0
                         builds one of them alone, on another machine too (python -m xclass.merge)
  index.vectors=means|dense_softmax|sampled_softmax      class means, or the class vectors of a trained head
  method.nearest_neighbour.encoder=projection                text only; or a trained method of this run
  method.dense_softmax_autograd.optimizer=adam|sgd

the measurement
  threads=N              threads of every child (default: the cores this process may use)
  ranks=2                processes that dense_softmax and sampled_softmax are trained in (torchrun), each with
                         a slice of the classes; each is measured
  checkpoint.minutes=10  training that is killed goes on from there, with any number of ranks;
                         checkpoint.folder=FOLDER: from those of another run
  device=cpu|cuda        cuda: softmax heads train on the GPU, its peaks beside the host's
  measure.repeats=1          3: every phase three times, medians and spreads; disagreements with their cause
  measure.heap_pass=true     shortened passes, under memray and untraced beside it: heap peak, who held it,
                             flamegraph, what tracing costs; measure.native_stacks=true: C and C++ frames too
  measure.allocator=pinned   system leaves malloc alone
  evaluate.num_queries=2000  held-out queries for accuracy and all other metrics
  evaluate.confidence_threshold=0.95          coverage: queries answered with at least this confidence
  keep_models=true       saved models stay under the run's folder

  experiment=NAME        a named run of conf/experiment      --cfg job   print the whole configuration
  -m, --multirun         sweep over comma-separated values    --version
  hydra/launcher=NAME    where the runs of a sweep go: basic (in turn, here) | one_machine (side by side)
                         | slurm | slurm_rehearsal (the same without Slurm) | ray_cluster; CPUs and memory are
                         asked for by the plan (pip install 'xclass[joblib,submitit,ray]')
  hydra/sweeper=optuna   a sweep that searches (pip install 'xclass[optuna]'): objective.metric=accuracy as
                         high as it gets with objective.serving_ram=2GB at the most, of the best method or of
                         objective.method=NAME; worked out in -m experiment=best_under_2gb
  hydra.run.dir=FOLDER   where to write (default outputs/DATE/TIME)

  python -m xclass.plan classes=5e6           RAM, disk, time and server of a run before there is data
  python -m xclass.resume FOLDER              go on with a run or sweep that was cut off
  python -m xclass.compare A B                what grew between two runs, against noise; --fail-on-increase 5%
  python -m xclass.project runs=A,B +classes=5e7   measured sizes carried over to another: RAM, time, server
  python -m xclass.report runs=A,B            the page for the client: servers, prices, projections
  python -m xclass.prove RUN size=2GB         a recorded phase again under a real cap: proven or refuted
  python -m xclass.merge MODEL MODEL          indexes over disjoint classes, built apart, as one model
  python -m xclass.amend MODEL                add classes to a saved model and drop some, without training
  python -m xclass.serve model=MODEL          a saved model answers over HTTP, several workers, hot swap
  python -m xclass.demo model=MODEL           one page to ask a saved model, with what it gets right and wrong
                                              (each of them has a --help)

each run leaves: report.html (one file) and report.md, summary.json (one row per method and phase),
records/*.json (raw), figures/*.svg, heap/*.html (flamegraphs), answers/*.npz, models/, config.yaml,
command.json (for resume).

exit codes: 0 measured; 1 something failed or ran out of memory; 2 the command is wrong; 3 something does not
fit and was refused; 130 interrupted (what was measured is kept).
"""
