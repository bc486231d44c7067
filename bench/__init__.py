"""The bench: what `./dev bench` measures, against floors and aims. Nothing of the product lives here.

Each measurement is a module with one function that takes the `Sizes` and gives figures. Servers are real
ones, in processes of their own, on temporary folders; nothing leaves 127.0.0.1.
"""
