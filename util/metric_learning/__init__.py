"""What a network is trained with: losses, miners and samplers by name, and the pairs, triplets and tuples it sees.

Nothing here knows images or networks: everything works on embeddings, labels and the positions of images in a list.
"""
