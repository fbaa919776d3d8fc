"""MACE for alchemi: any checkpoint of mace-torch, its energy on the autograd graph."""
