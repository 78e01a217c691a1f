// goods.mjs - what the corner shop sells. Prices in cents.
export const CATEGORIES = [
  { slug: 'bread', name: 'Bread', shape: 'loaf', hue: 0.09 },
  { slug: 'fruit', name: 'Fruit & vegetables', shape: 'circle', hue: 0.02 },
  { slug: 'preserves', name: 'Jams & preserves', shape: 'jar', hue: 0.95 },
  { slug: 'tea-coffee', name: 'Tea & coffee', shape: 'box', hue: 0.07 },
  { slug: 'plants', name: 'Plants & herbs', shape: 'leaf', hue: 0.34 },
  { slug: 'home', name: 'For the home', shape: 'ring', hue: 0.58 },
];

const of = (category, list) => list.map(([name, price, description]) => ({ category, name, price, description }));

export const PRODUCTS = [
  ...of('bread', [
    ['Country sourdough', 480, 'A kilo of slow bread: two days of leaven, a dark crust, keeps for a week.'],
    ['Rye with caraway', 430, 'Dense, moist and fragrant. Good with butter and nothing else.'],
    ['Seeded tin loaf', 390, 'Sunflower, flax and pumpkin seeds in a soft wheat crumb.'],
    ['Milk rolls, six', 280, 'Soft breakfast rolls, baked before you wake up.'],
    ['Olive focaccia', 520, 'Flat, salty, soaked in oil, with whole black olives.'],
    ['Spelt baguette', 240, 'Crisp outside, nutty inside. Best on the day.'],
    ['Walnut bread', 510, 'A third walnuts by weight, for cheese boards.'],
    ['Cinnamon knots, four', 460, 'Twisted by hand, sticky where it matters.'],
    ['Oat crackers', 320, 'Thin, brittle, barely salted. A hundred grams.'],
  ]),
  ...of('fruit', [
    ['Orchard apples, 1 kg', 340, 'Whatever the orchard picked this week, always crisp.'],
    ['Blood oranges, 1 kg', 420, 'Dark juice, sharp and sweet. In season from January.'],
    ['Vine tomatoes, 500 g', 290, 'Ripened on the vine; smell them first.'],
    ['Garden carrots, bunch', 220, 'With their greens on, which make a good pesto.'],
    ['Field mushrooms, 250 g', 310, 'Firm and brown, picked in the morning.'],
    ['Plums, 1 kg', 380, 'For the bowl or for the cake.'],
    ['Red onions, 1 kg', 190, 'Mild enough to eat raw.'],
    ['Butternut squash', 350, 'About a kilo and a half. Roasts beautifully.'],
    ['Lemons, four', 240, 'Unwaxed, so the peel is yours too.'],
  ]),
  ...of('preserves', [
    ['Raspberry jam', 520, 'Seventy per cent fruit, the rest sugar and patience.'],
    ['Bitter orange marmalade', 560, 'Thick cut, properly bitter.'],
    ['Quince jelly', 610, 'Clear and rose coloured, for cheese or toast.'],
    ['Wildflower honey', 740, 'From hives on the hill; set, not stirred.'],
    ['Pickled cucumbers', 430, 'Dill, mustard seed and a bay leaf.'],
    ['Tomato chutney', 480, 'Sweet, sharp, a little heat at the end.'],
    ['Lemon curd', 540, 'Butter, eggs, lemons. Keep it cold.'],
    ['Plum butter', 500, 'Cooked overnight without sugar.'],
  ]),
  ...of('tea-coffee', [
    ['House espresso, 250 g', 890, 'Chocolate and hazelnut; roasted on Tuesdays.'],
    ['Light filter roast, 250 g', 990, 'Washed beans, tastes of apricot.'],
    ['Decaf, 250 g', 940, 'Water process, still tastes of coffee.'],
    ['Breakfast tea, 100 g', 560, 'Strong enough for milk.'],
    ['Smoked tea, 100 g', 680, 'Pine smoke. A tea for rain.'],
    ['Peppermint, 50 g', 420, 'Whole leaves from the valley.'],
    ['Rooibos with orange, 100 g', 510, 'No caffeine, plenty of taste.'],
    ['Hot chocolate, 300 g', 780, 'Shaved dark chocolate, nothing added.'],
  ]),
  ...of('plants', [
    ['Basil in a pot', 350, 'Wants sun and a drink every day.'],
    ['Rosemary bush', 690, 'Hardy, grows for years on a sill or outside.'],
    ['Mint in a pot', 350, 'Keep it in its pot or it will take the garden.'],
    ['Thyme in a pot', 370, 'Small leaves, large taste.'],
    ['Snake plant', 1890, 'Forgives forgetting. Good for dark corners.'],
    ['Peace lily', 1690, 'Droops when thirsty, recovers in an hour.'],
    ['Tomato seedlings, three', 640, 'Early variety for balconies.'],
    ['Wildflower seed mix', 450, 'Ten square metres of flowers for bees.'],
  ]),
  ...of('home', [
    ['Beeswax candle', 980, 'Burns thirty hours, smells of honey.'],
    ['Linen tea towel', 1250, 'Gets better with every wash.'],
    ['Olive oil soap', 590, 'One bar, a month of hands.'],
    ['Enamel mug', 1190, 'White with a blue rim, for camp or kitchen.'],
    ['Wooden spoon', 740, 'Cherry wood, carved two streets away.'],
    ['Washing-up brush', 680, 'Beech and fibre, the head can be replaced.'],
    ['Stoneware bowl', 2400, 'Thrown by hand, so no two are the same.'],
    ['Jute shopping bag', 850, 'Carries what you ordered, and more.'],
  ]),
];

export const REVIEWS = [
  [5, 'Exactly what I hoped for. Ordering again.'],
  [4, 'Very good, and it came quickly.'],
  [5, 'My neighbours ask where I get this.'],
  [3, 'Fine, though smaller than I thought.'],
  [4, 'Would have given five had it been cheaper.'],
  [5, 'Gone within a day.'],
];

export const slug = (name) => name.toLowerCase().replace(/[^a-z0-9]+/g, '-').replace(/^-|-$/g, '');
