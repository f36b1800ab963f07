"""The real data set ``lemmas``: a word form, with its language, is classified into one of 3.03 M lemmas."""
